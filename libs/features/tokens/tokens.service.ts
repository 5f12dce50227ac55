/** A user's API tokens: made, listed, deleted. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type ApiTokenView, type CreatedToken, type CreateTokenRequest, SCOPES } from '#contracts/tokens.js';
import { recordAudit } from '#features/audit/index.js';
import { requireProject } from '#features/projects/index.js';
import { Conflict, Forbidden } from '#platform/errors.js';
import { allows, type Caller, type CallerToken, greatest, notFound } from '#platform/http/index.js';
import { PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { newSecret } from '#platform/shown-once.js';
import { TOKEN_PREFIX } from './authenticator.js';
import { covers } from './cidrs.js';
import { KnownTokens } from './known-tokens.js';
import { tokenView } from './tokens.view.js';

const MAX_TOKENS = 200;
/** The prefix and 6 of 43 random characters: enough to recognise it, useless to guess it. */
const SHOWN = TOKEN_PREFIX.length + 6;

@Injectable()
export class TokensService {
  constructor(
    private readonly db: PrismaService,
    private readonly known: KnownTokens,
  ) {}

  async list({ userId }: Caller): Promise<ApiTokenView[]> {
    const rows = await this.db.apiToken.findMany({
      where: { userId, revokedAt: null },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    });
    return rows.map(tokenView);
  }

  /** @throws Forbidden `token_exceeds_own`, NotFound `project_not_found`, Conflict `too_many_tokens`. */
  async create(caller: Caller, request: CreateTokenRequest): Promise<CreatedToken> {
    if (caller.token) requireWithin(caller.token, request);
    const { secret, hash } = newSecret(TOKEN_PREFIX);
    const data = { ...columns(caller, request), tokenHash: hash, prefix: secret.slice(0, SHOWN) };
    const row = await this.db.$transaction(async (tx) => {
      if (request.project_id) await requireProject(tx, { ...caller, needs: 'read' }, request.project_id);
      await requireRoom(tx, caller.userId);
      const created = await tx.apiToken.create({ data });
      await recordAudit(tx, caller, {
        resource: 'token',
        resourceId: created.id,
        action: 'create',
        after: tokenView(created),
      });
      return created;
    });
    return { ...tokenView(row), token: secret };
  }

  /** @throws NotFound `token_not_found`. */
  async revoke(caller: Caller, id: string): Promise<void> {
    const own = { id, userId: caller.userId, revokedAt: null };
    const row = await this.db.$transaction(async (tx) => {
      const found = await tx.apiToken.findFirst({ where: own });
      const { count } = await tx.apiToken.updateMany({ where: own, data: { revokedAt: new Date() } });
      if (!found || count === 0) throw notFound('token');
      await recordAudit(tx, caller, { resource: 'token', resourceId: id, action: 'delete', before: tokenView(found) });
      return found;
    });
    this.known.forget(row.tokenHash);
  }
}

function columns({ userId }: Caller, request: CreateTokenRequest) {
  return {
    id: randomUUID(),
    userId,
    projectId: request.project_id,
    name: request.name,
    scopes: SCOPES.filter((scope) => request.scopes.includes(scope)),
    cidrs: request.cidrs,
    expiresAt: request.expires_at === null ? null : new Date(request.expires_at),
  };
}

/** A token makes only tokens that may no more, for no longer and from nowhere else than itself. */
function requireWithin(own: CallerToken, wanted: CreateTokenRequest): void {
  const until = wanted.expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(wanted.expires_at);
  const inTime = own.expiresAt === null || until <= own.expiresAt;
  if (inTime && allows(own.scope, greatest(wanted.scopes)) && covers(own.cidrs, wanted.cidrs)) return;
  throw new Forbidden(
    'token_exceeds_own',
    'A token cannot make one that may do more than itself: give it no later expires_at, no greater scope and no other cidrs, or sign in.',
  );
}

async function requireRoom(tx: Tx, userId: string): Promise<void> {
  if ((await tx.apiToken.count({ where: { userId, revokedAt: null } })) < MAX_TOKENS) return;
  throw new Conflict('too_many_tokens', `You have ${MAX_TOKENS} tokens: delete those that are not used.`);
}
