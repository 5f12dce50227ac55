/**
 * Whether a token's user still exists, without a query per request: remembered for a few seconds, so that a deleted user is out at most
 * that much later.
 */
import { Injectable } from '@nestjs/common';
import type { Caller } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';

const TTL_MS = 5_000;
const MAX_ENTRIES = 10_000;

interface Entry {
  until: number;
  caller: Promise<Caller | null>;
}

@Injectable()
export class KnownUsers {
  /** In order of insertion, which is the order of expiry. */
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly db: PrismaService) {}

  find(userId: string): Promise<Caller | null> {
    const now = performance.now();
    const known = this.entries.get(userId);
    if (known && known.until > now) return known.caller;
    const caller = this.load(userId);
    this.remember(userId, { until: now + TTL_MS, caller });
    // A failed query is no answer: the next request asks again. Who waits for this one gets the error.
    caller.catch(() => this.entries.delete(userId));
    return caller;
  }

  /** After a change that must count at once in this process. */
  forget(userId: string): void {
    this.entries.delete(userId);
  }

  private async load(userId: string): Promise<Caller | null> {
    const row = await this.db.user.findUnique({ where: { id: userId }, select: { isAdmin: true } });
    return row && { userId, isAdmin: row.isAdmin };
  }

  private remember(userId: string, entry: Entry): void {
    this.entries.delete(userId);
    this.entries.set(userId, entry);
    if (this.entries.size <= MAX_ENTRIES) return;
    const oldest = this.entries.keys().next();
    if (!oldest.done) this.entries.delete(oldest.value);
  }
}
