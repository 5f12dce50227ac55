/**
 * Whether a token's user still exists, without a query per request: remembered for a few seconds, so that a deleted user is out at most
 * that much later.
 */
import { Injectable } from '@nestjs/common';
import type { Caller } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { Remembered } from '#platform/remembered.js';

const TTL_MS = 5_000;

@Injectable()
export class KnownUsers {
  private readonly known = new Remembered<Caller | null>(TTL_MS);

  constructor(private readonly db: PrismaService) {}

  find(userId: string): Promise<Caller | null> {
    return this.known.get(userId, () => this.load(userId));
  }

  private async load(userId: string): Promise<Caller | null> {
    const row = await this.db.user.findUnique({ where: { id: userId }, select: { isAdmin: true } });
    return row && { userId, isAdmin: row.isAdmin };
  }
}
