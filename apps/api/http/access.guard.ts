/** Deny by default: an operation is open to strangers only when its @Operation says `public`. */
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Sessions } from '#features/accounts/index.js';
import { Unauthenticated } from '#platform/errors.js';
import { operationOf, setCaller } from '#platform/http/index.js';

/** https://www.rfc-editor.org/rfc/rfc6750#section-2.1, the scheme in any case as RFC 9110 says. */
const BEARER = /^Bearer +([\w.~+/=-]+)$/i;

@Injectable()
export class AccessGuard implements CanActivate {
  constructor(private readonly sessions: Sessions) {}

  /** @throws Unauthenticated `unauthenticated`; never answers false, so that there is one form of refusal. */
  canActivate(context: ExecutionContext): true | Promise<true> {
    if (operationOf(context.getHandler())?.public) return true;
    return this.admit(context.switchToHttp().getRequest<FastifyRequest>());
  }

  private async admit(request: FastifyRequest): Promise<true> {
    const token = BEARER.exec(request.headers.authorization ?? '')?.[1];
    if (!token)
      throw new Unauthenticated('unauthenticated', 'Sign in first: send the header Authorization: Bearer <token>.');
    const caller = await this.sessions.authenticate(token);
    setCaller(request, { ...caller, ip: request.ip, userAgent: request.headers['user-agent'] });
    return true;
  }
}
