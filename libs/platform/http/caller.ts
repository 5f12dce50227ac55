/** Who makes a request. The access guard puts it there; nothing else may. */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { TokenScope } from '#contracts/tokens.js';
import { Internal } from '../errors.js';
import type { IdempotencyClaim } from './idempotency.js';
import type { Permission } from './permission.js';

export interface Caller {
  userId: string;
  /** Operator of the installation. */
  isAdmin: boolean;
  /** What the operation needs, for the tenant filter. Without it only the owner of a project passes. */
  needs?: Permission;
  /** The only project that the token is good for. */
  projectId?: string;
  /** The API token that was used; undefined: a session. */
  token?: CallerToken;
  /** Where the request came from, for the audit log; undefined in what the platform does by itself. */
  ip?: string;
  userAgent?: string;
  /** Set when the request has an Idempotency-Key: whoever changes something confirms it in the same transaction. */
  idempotency?: IdempotencyClaim;
}

/** What limits an API token beside its project. */
export interface CallerToken {
  id: string;
  /** Its greatest scope. */
  scope: TokenScope;
  /** Empty: any address. */
  cidrs: string[];
  /** Unix time in ms. */
  expiresAt: number | null;
}

const callers = new WeakMap<object, Caller>();

export function setCaller(request: FastifyRequest, caller: Caller): void {
  callers.set(request, caller);
}

/** @throws Internal `caller_unknown` on an operation that is marked public: those have no caller. */
export function callerOf(request: FastifyRequest): Caller {
  const caller = callers.get(request);
  if (!caller) throw new Internal('caller_unknown', 'This operation needs a signed-in user but is marked public.');
  return caller;
}

/** Where a request of nobody yet comes from, for the audit log. */
export interface Origin {
  ip: string;
  userAgent?: string;
}

/** Parameter decorator: the {@link Origin}. Not Nest's own `@Headers`, which would be documented as a parameter of the operation. */
export const RequestOrigin = createParamDecorator((_: unknown, context: ExecutionContext): Origin => {
  const { ip, headers } = context.switchToHttp().getRequest<FastifyRequest>();
  const userAgent = headers['user-agent'];
  return { ip, ...(userAgent ? { userAgent } : {}) };
});

/** Parameter decorator: the signed-in {@link Caller}. */
export const CurrentUser = createParamDecorator((_: unknown, context: ExecutionContext) =>
  callerOf(context.switchToHttp().getRequest<FastifyRequest>()),
);
