/**
 * One decorator per endpoint: from the zod schemas it makes the serializer and what @ValidBody, @ValidQuery and @ValidParams parse with;
 * operation-docs.ts makes the OpenAPI entry of it when somebody asks for the document. An operation needs a signed-in user unless it says `public`: see apps/api/http/access.guard.ts.
 */
import { applyDecorators, HttpCode } from '@nestjs/common';
import { RouteSchema } from '@nestjs/platform-fastify';
import type { z } from 'zod';
import { type JsonSchema, serializerSchema } from './json-schema.js';

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
  /** Statuses that the operation answers with an `Error`, beyond 400, 401 and 500. */
  errors?: number[];
  /**
   * What the caller must be allowed to do in the project: `read` (default of GET), `deploy` (start, stop, deploy, roll back), `write` (default
   * of all others), `admin` (members, deletion of the project, tokens).
   */
  needs?: Permission;
  /** True: callable without a token. */
  public?: true;
  /** True: not part of the OpenAPI document. */
  undocumented?: true;
}

interface Handler {
  target: object;
  key: string | symbol;
  descriptor: PropertyDescriptor;
}

const operations = new Map<unknown, OperationOptions & { handler: Handler }>();

/** What {@link Operation} was given for this handler, undefined for handlers without it. */
export function operationOf(handler: object): OperationOptions | undefined {
  return operations.get(handler);
}

/** Every operation of this process with the method it belongs to. */
export function allOperations(): (OperationOptions & { handler: Handler })[] {
  return [...operations.values()];
}

export function Operation(options: OperationOptions): MethodDecorator {
  const remember: MethodDecorator = (target, key, descriptor) => {
    operations.set(descriptor.value, { ...options, handler: { target, key, descriptor } });
  };
  return applyDecorators(remember, HttpCode(options.returns.status), RouteSchema({ response: serializers(options) }));
}

function serializers(options: OperationOptions): Record<number, JsonSchema> {
  const all = { [options.returns.status]: options.returns.schema, ...options.alsoReturns };
  const declared = Object.entries(all).filter((entry): entry is [string, z.ZodType] => entry[1] !== undefined);
  return Object.fromEntries(declared.map(([status, schema]) => [status, serializerSchema(schema)]));
}
