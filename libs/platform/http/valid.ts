/** Parameter decorators that parse a part of the request with the schemas of its @Operation. */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { nouns } from '#contracts/common.js';
import { Internal, Invalid, NotFound } from '../errors.js';
import { operationOf } from './operation.js';
import { requireStorable } from './storable.js';

export interface ValidationIssue {
  /** Dotted path of the field, '' for the whole body. */
  path: string;
  message: string;
}

/** The parsed body. @throws Invalid `validation_failed` with details `{ issues: ValidationIssue[] }`. */
export const ValidBody = part('body', (schema, value) => parsed(schema, value ?? undefined));
/** The parsed query. @throws Invalid `validation_failed`. */
export const ValidQuery = part('query', (schema, value) => {
  requireStorable(value);
  return parsed(schema, value);
});
/** The parsed path. An id that cannot exist is not found, exactly like one that does not. @throws NotFound `<noun>_not_found`. */
export const ValidParams = part('params', (schema, value) => {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw notFound(nounAt(schema, result.error.issues[0]?.path[0]));
});

/** The one way to say that something does not exist or is not visible to the caller. */
export function notFound(noun: string): NotFound {
  return new NotFound(
    `${noun.replaceAll(' ', '_')}_not_found`,
    `There is no such ${noun}, or you have no access to it.`,
  );
}

/** For `catch`: what belongs to something that is not found is not found itself; every other error stays what it is. */
export function notFoundAs(noun: string) {
  return (error: unknown): never => {
    throw error instanceof NotFound ? notFound(noun) : error;
  };
}

/** @throws Invalid `validation_failed`. For values that do not come through a decorator. */
export function parsed<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value, { error: readable });
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
  throw invalid(issues);
}

/** For rules that need more than the schema knows, in the same form. */
export function invalid(issues: ValidationIssue[]): Invalid {
  const [first] = issues;
  const message = first ? `${first.path || 'the body'} ${first.message}` : 'The request is not valid.';
  return new Invalid('validation_failed', message, { details: { issues } });
}

function part(name: 'body' | 'query' | 'params', parse: (schema: z.ZodType, value: unknown) => unknown) {
  const decorator = createParamDecorator((_: unknown, context: ExecutionContext) => {
    const schema = operationOf(context.getHandler())?.[name];
    if (!schema) throw new Internal('operation_incomplete', `The operation declares no ${name}.`);
    return parse(schema, context.switchToHttp().getRequest<FastifyRequest>()[name]);
  });
  return () => decorator();
}

function nounAt(schema: z.ZodType, field: PropertyKey | undefined): string {
  const member = (schema as z.ZodObject).shape?.[String(field)] as z.ZodType | undefined;
  return (member && nouns.get(member)?.noun) ?? 'resource';
}

const FORMATS: Record<string, string> = {
  email: 'must be an e-mail address',
  url: 'must be a URL',
  uuid: 'must be a UUID',
  guid: 'must be a UUID',
  regex: 'has a form that is not allowed',
};

/** zod's own words are for programmers; undefined falls back to them. A message given at the schema wins over this. */
function readable(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is required' : `must be ${article(issue.expected)}`;
    case 'too_small':
      return issue.origin === 'string' && issue.minimum === 1
        ? 'must not be empty'
        : `must be at least ${issue.minimum}${unit(issue.origin)}`;
    case 'too_big':
      return `must be at most ${issue.maximum}${unit(issue.origin)}`;
    case 'invalid_value':
      return issue.input === undefined ? 'is required' : `must be one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_format':
      return FORMATS[issue.format];
    case 'invalid_union':
      return issue.input === undefined ? 'is required' : undefined;
    default:
      return undefined;
  }
}

function article(expected: string): string {
  const names: Record<string, string> = { int: 'a whole number', record: 'an object' };
  return names[expected] ?? (/^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`);
}

function unit(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' || origin === 'set' ? ' items' : '';
}
