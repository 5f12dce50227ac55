/**
 * One decorator per endpoint: from the zod schemas it makes the OpenAPI entry, the serializer and what @ValidBody, @ValidQuery and
 * @ValidParams parse with. An operation needs a signed-in user unless it says `public`: see apps/api/http/access.guard.ts.
 */
import { applyDecorators, HttpCode } from '@nestjs/common';
import { RouteSchema } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiParam, ApiQuery, ApiResponse } from '@nestjs/swagger';
import type { z } from 'zod';
import { problem } from '#contracts/common.js';
import { documentSchema, type JsonSchema, serializerSchema } from './json-schema.js';

export type Permission = 'read' | 'deploy' | 'write' | 'admin';

export interface OperationOptions {
  summary: string;
  /** Longer text for the documentation. */
  description?: string;
  tag: string;
  params?: z.ZodObject;
  query?: z.ZodObject;
  /** Optional schema = the body may be missing. Unknown fields are ignored, as Railway and Render do. */
  body?: z.ZodType;
  /** No schema = empty answer. Fields that the schema does not declare never leave the process. */
  returns: { status: number; schema?: z.ZodType };
  /** Answers with another schema at another status, e.g. 503 of the health check. */
  alsoReturns?: Record<number, z.ZodType>;
  /** True when the operation can answer with server-sent events too. */
  events?: true;
  /** True when it answers with plain text. */
  text?: true;
  /** Statuses that the operation answers with an `Error`, beyond 400, 401 and 500. */
  errors?: number[];
  /**
   * What the caller must be allowed to do in the project: `read` (default of GET), `deploy` (start, stop, deploy, roll back), `write` (default
   * of all others), `admin` (members, deletion of the project, tokens).
   */
  needs?: Permission;
  /** True: callable without a token. */
  public?: true;
}

const operations = new WeakMap<object, OperationOptions>();

/** What {@link Operation} was given for this handler, undefined for handlers without it. */
export function operationOf(handler: object): OperationOptions | undefined {
  return operations.get(handler);
}

export function Operation(options: OperationOptions): MethodDecorator {
  const remember: MethodDecorator = (_target, _key, descriptor) => {
    operations.set(descriptor.value as object, options);
  };
  return applyDecorators(
    remember,
    HttpCode(options.returns.status),
    RouteSchema({ response: serializers(options) }),
    ApiOperation({ summary: options.summary, description: options.description, tags: [options.tag] }),
    ...parameters(options),
    ...requestBody(options),
    ...answers(options),
    ...(options.public ? [] : [ApiBearerAuth('bearerAuth')]),
  );
}

function serializers(options: OperationOptions): Record<number, JsonSchema> {
  const all = { [options.returns.status]: options.returns.schema, ...options.alsoReturns };
  const declared = Object.entries(all).filter((entry): entry is [string, z.ZodType] => entry[1] !== undefined);
  return Object.fromEntries(declared.map(([status, schema]) => [status, serializerSchema(schema)]));
}

function parameters({ params, query }: OperationOptions): MethodDecorator[] {
  const path = described(params).map(({ name, schema, description }) => ApiParam({ name, schema, description }));
  const search = described(query).map(({ name, schema, description, required }) =>
    ApiQuery({ name, schema, description, required }),
  );
  return [...path, ...search];
}

interface Described {
  name: string;
  schema: JsonSchema;
  description: string | undefined;
  required: boolean;
}

function described(object: z.ZodObject | undefined): Described[] {
  if (!object) return [];
  const json = documentSchema(object, 'input') as { properties?: Record<string, JsonSchema>; required?: string[] };
  return Object.entries(json.properties ?? {}).map(([name, { description, ...schema }]) => ({
    name,
    schema,
    description: description as string | undefined,
    required: json.required?.includes(name) ?? false,
  }));
}

function requestBody({ body }: OperationOptions): MethodDecorator[] {
  if (!body) return [];
  return [ApiBody({ schema: documentSchema(body, 'input'), required: !body.safeParse(undefined).success })];
}

function answers(options: OperationOptions): MethodDecorator[] {
  const { status, schema } = options.returns;
  const content = {
    ...(schema ? jsonContent(schema) : {}),
    ...(options.events ? EVENT_CONTENT : {}),
    ...(options.text ? TEXT_CONTENT : {}),
  };
  const success = Object.keys(content).length > 0 ? { content } : {};
  const other = Object.entries(options.alsoReturns ?? {}).map(([code, answer]) =>
    ApiResponse({ status: Number(code), description: MEANING[Number(code)] ?? '', content: jsonContent(answer) }),
  );
  return [
    ApiResponse({ status, description: 'Success', ...success }),
    ...other,
    ...errorStatuses(options).map(errorAnswer),
  ];
}

const EVENT_CONTENT: Content = { 'text/event-stream': { schema: { type: 'string' } } };
const TEXT_CONTENT: Content = { 'text/plain': { schema: { type: 'string' } } };
type Content = Record<string, { schema: JsonSchema }>;

function jsonContent(schema: z.ZodType): Content {
  return { 'application/json': { schema: documentSchema(schema, 'output') } };
}

function errorStatuses(options: OperationOptions): number[] {
  const takesInput = options.body || options.query;
  const usual = [...(takesInput ? [400] : []), ...(options.public ? [] : [401]), ...(options.params ? [404] : [])];
  return [...new Set([...usual, ...(options.errors ?? [])])].sort((a, b) => a - b);
}

const MEANING: Record<number, string> = {
  400: 'Invalid input',
  401: 'Not signed in',
  403: 'Not allowed',
  404: 'Not found, or not yours',
  409: 'Conflict',
  413: 'Body too large',
  429: 'Too many attempts',
  503: 'Temporarily unavailable',
  507: 'No capacity left',
};

function errorAnswer(status: number): MethodDecorator {
  return ApiResponse({ status, description: MEANING[status] ?? 'Error', content: jsonContent(problem) });
}
