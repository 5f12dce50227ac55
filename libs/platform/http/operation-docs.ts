/**
 * The OpenAPI entries of all operations. Apart from operation.ts because @nestjs/swagger takes 13 MB and 0.2 s to load, which a process that
 * is not asked for the document should not spend.
 */
import {
  ApiBearerAuth,
  ApiBody,
  ApiExcludeEndpoint,
  ApiExtension,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiResponse,
} from '@nestjs/swagger';
import type { z } from 'zod';
import { problem } from '#contracts/common.js';
import { documentSchema, type JsonSchema } from './json-schema.js';
import { allOperations, type OperationOptions } from './operation.js';

let done = false;

/** Puts on every handler what @nestjs/swagger reads; call before the document is made. */
export function describeOperations(): void {
  if (done) return;
  done = true;
  for (const { handler, ...options } of allOperations()) {
    for (const decorate of decoratorsOf(options)) decorate(handler.target, handler.key, handler.descriptor);
  }
}

function decoratorsOf(options: OperationOptions): MethodDecorator[] {
  if (options.undocumented) return [ApiExcludeEndpoint()];
  return [
    ApiOperation({ summary: options.summary, description: options.description, tags: [options.tag] }),
    ...parameters(options),
    ...requestBody(options),
    ...answers(options),
    ...(options.needs ? [ApiExtension('x-needs', options.needs)] : []),
    ...(options.public ? [] : [ApiBearerAuth('bearerAuth')]),
  ];
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
  const usual = [...(takesInput ? [400] : []), ...(options.public ? [] : [401, 403]), ...(options.params ? [404] : [])];
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
