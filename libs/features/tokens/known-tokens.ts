/** API tokens as credentials: found by their hash, remembered for a few seconds. */
import { Injectable } from '@nestjs/common';
import type { TokenScope } from '#contracts/tokens.js';
import { Unauthenticated } from '#platform/errors.js';
import { type Caller, greatest } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { Remembered } from '#platform/remembered.js';
import { secretHash } from '#platform/shown-once.js';
import { isWithin } from './cidrs.js';

/** A revoked token is out at most this much later, in every process. */
const TTL_MS = 4_000;
const MINUTE_MS = 60_000;

type Row = NonNullable<Awaited<ReturnType<KnownTokens['load']>>>;

@Injectable()
export class KnownTokens {
  private readonly known = new Remembered<Row | null>(TTL_MS);

  constructor(private readonly db: PrismaService) {}

  /** @throws Unauthenticated `unauthenticated`: unknown, deleted, expired, or not for this address. */
  async authenticate(secret: string, address: string): Promise<Caller> {
    const hash = secretHash(secret);
    const row = await this.known.get(hash, () => this.load(hash));
    if (!row || (row.expiresAt && row.expiresAt <= new Date()) || !isWithin(row.cidrs, address)) throw refusal();
    await this.noteUse(row);
    return callerOf(row);
  }

  /** After it was deleted: counts at once in this process. */
  forget(hash: string): void {
    this.known.forget(hash);
  }

  private load(tokenHash: string) {
    return this.db.apiToken.findFirst({
      where: { tokenHash, revokedAt: null },
      include: { user: { select: { isAdmin: true } } },
    });
  }

  /** One write per token, minute and process. */
  private async noteUse(row: Row): Promise<void> {
    const minute = new Date(Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS);
    if (row.lastUsedAt && row.lastUsedAt >= minute) return;
    row.lastUsedAt = minute; // in the remembered row: requests at the same time do not write too
    await this.db.apiToken.updateMany({ where: { id: row.id }, data: { lastUsedAt: minute } });
  }
}

/** Only an unbound token with every right acts as the operator. */
function callerOf({ id, userId, projectId, scopes, cidrs, expiresAt, user }: Row): Caller {
  const scope = greatest(scopes as TokenScope[]);
  return {
    userId,
    isAdmin: user.isAdmin && scope === 'admin' && !projectId,
    token: { id, scope, cidrs, expiresAt: expiresAt?.getTime() ?? null },
    ...(projectId ? { projectId } : {}),
  };
}

function refusal(): Unauthenticated {
  return new Unauthenticated(
    'unauthenticated',
    'The token is not valid: it is deleted, has expired, or is not meant for the address you call from.',
  );
}
