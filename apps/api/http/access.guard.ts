/**
 * Deny by default: an operation is open to strangers only when its @Operation says `public`, and a handler without one asks for everything.
 * The guard says who calls and what the token forbids; which rows the caller may use, the tenant filter of the queries says
 * (libs/features/projects/projects.queries.ts).
 */
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Authenticator } from '#features/tokens/index.js';
import { Unauthenticated } from '#platform/errors.js';
import { type OperationOptions, operationOf, requirementOf, setCaller } from '#platform/http/index.js';

/** https://www.rfc-editor.org/rfc/rfc6750#section-2.1, the scheme in any case as RFC 9110 says. */
const BEARER = /^Bearer +([\w.~+/=-]+)$/i;

@Injectable()
export class AccessGuard implements CanActivate {
  constructor(private readonly authenticator: Authenticator) {}

  /**
   * Never answers false, so that there is one form of refusal.
   * @throws Unauthenticated `unauthenticated`, Forbidden `scope_missing`, `token_bound_to_project`.
   */
  canActivate(context: ExecutionContext): true | Promise<true> {
    const operation = operationOf(context.getHandler());
    if (operation?.public) return true;
    return this.admit(context.switchToHttp().getRequest<FastifyRequest>(), operation);
  }

  private async admit(request: FastifyRequest, operation: OperationOptions | undefined): Promise<true> {
    const token = BEARER.exec(request.headers.authorization ?? '')?.[1];
    if (!token)
      throw new Unauthenticated('unauthenticated', 'Sign in first: send the header Authorization: Bearer <token>.');
    setCaller(request, await this.authenticator.admit(request, token, requirementOf(operation, request.method)));
    return true;
  }
}
