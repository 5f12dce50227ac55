/**
 * One decorator per endpoint: from the zod schemas it makes the serializer and what @ValidBody, @ValidQuery and @ValidParams parse with;
 * operation-docs.ts makes the OpenAPI entry of it when somebody asks for the document. An operation needs a signed-in user unless it says `public`: see apps/api/http/access.guard.ts.
 */
import { applyDecorators, HttpCode } from '@nestjs/common';
import { RouteConfig, RouteSchema } from '@nestjs/platform-fastify';
import type { z } from 'zod';
import { type JsonSchema, serializerSchema } from './json-schema.js';
import type { Permission } from './permission.js';

export interface OperationOptions {
  summary: string;
  /** Longer text for the documentation. */
  description?: string;
  tag: string;
  params?: z.ZodObject;
  query?: z.ZodObject;
  /** Optional schema = the body may be missing. Unknown fields are ignored, as Railway and Render do. */
  body?: z.ZodType;
  /**
   * The body reaches the handler unread, as it comes (JSON or a form), and is at most so many bytes: for what is signed, where each byte counts.
   * See readRawBody.
   */
  rawBodyBytes?: number;
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
   * What the caller must be allowed to do: `read` (default of GET), `deploy` (start, stop, deploy, roll back), `write` (default of all
   * others), `admin` (people, settings, tokens, deletion of services and data), `owner` (deletion of the project). A token needs the scope
   * for it everywhere; a member needs the role for it in the project.
   */
  needs?: Permission;
  /**
   * Where that is decided. `project`: the tenant filter of its queries (`requireProject`, `requireService`, ...) decides. `account`: it is
   * about the caller alone; a token that is bound to a project may not call it. `anyone`: every signed-in caller, it shows nothing of a project.
   * Default: `project` when the address names an id, else `account`.
   */
  about?: 'project' | 'account' | 'anyone';
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

/** What an operation needs and where, defaults filled in. @param options undefined = the strictest. */
export function requirementOf(options: OperationOptions | undefined, method: string) {
  if (!options) return { needs: 'owner', about: 'account' } as const;
  const { needs = READS.has(method) ? 'read' : 'write', about = options.params ? 'project' : 'account' } = options;
  return { needs, about };
}

const READS = new Set(['GET', 'HEAD']);

export function Operation(options: OperationOptions): MethodDecorator {
  const remember: MethodDecorator = (target, key, descriptor) => {
    operations.set(descriptor.value, { ...options, handler: { target, key, descriptor } });
  };
  const raw = options.rawBodyBytes ? [RouteConfig({ rawBodyBytes: options.rawBodyBytes })] : [];
  return applyDecorators(
    remember,
    HttpCode(options.returns.status),
    RouteSchema({ response: serializers(options) }),
    ...raw,
  );
}

function serializers(options: OperationOptions): Record<number, JsonSchema> {
  const all = { [options.returns.status]: options.returns.schema, ...options.alsoReturns };
  const declared = Object.entries(all).filter((entry): entry is [string, z.ZodType] => entry[1] !== undefined);
  return Object.fromEntries(declared.map(([status, schema]) => [status, serializerSchema(schema)]));
}
