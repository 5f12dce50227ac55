/** The one way in: whoever sends a session token or an API token becomes a Caller that carries what it may do. */
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Sessions } from '#features/accounts/index.js';
import { Forbidden } from '#platform/errors.js';
import { allows, type Caller, type requirementOf, scopeFor } from '#platform/http/index.js';
import { KnownTokens } from './known-tokens.js';

export const TOKEN_PREFIX = 'ctr_';
const MAX_USER_AGENT = 500;

@Injectable()
export class Authenticator {
  constructor(
    private readonly sessions: Sessions,
    private readonly tokens: KnownTokens,
  ) {}

  /** @throws Unauthenticated `unauthenticated`, Forbidden `scope_missing`, `token_bound_to_project`. */
  async admit(request: FastifyRequest, secret: string, requirement: ReturnType<typeof requirementOf>): Promise<Caller> {
    const { ip } = request;
    const caller = await (secret.startsWith(TOKEN_PREFIX)
      ? this.tokens.authenticate(secret, ip)
      : this.sessions.authenticate(secret));
    requireAllowed(caller, requirement);
    const userAgent = request.headers['user-agent']?.slice(0, MAX_USER_AGENT);
    return { ...caller, needs: requirement.needs, ip, ...(userAgent ? { userAgent } : {}) };
  }
}

/** What the token itself forbids; what its user's role forbids, the tenant filter says. */
function requireAllowed({ token, projectId }: Caller, { needs, about }: ReturnType<typeof requirementOf>): void {
  const scope = scopeFor(needs);
  if (token && !allows(token.scope, scope))
    throw new Forbidden('scope_missing', `This needs a token with the scope ${scope}.`, { details: { needed: scope } });
  if (projectId && about === 'account')
    throw new Forbidden('token_bound_to_project', 'This token is good for one project only: use another token.');
}
