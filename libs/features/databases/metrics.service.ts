import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { DatabaseMetricsQuery, databaseMetricsResponse } from '#contracts/databases.js';
import { SAMPLE_SECONDS } from '#contracts/metrics.js';
import { type Caller, invalid } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { requireDatabase } from './databases.queries.js';
import { pointsOf, ROLLUP_SECONDS } from './metrics.queries.js';

const HOUR_MS = 3_600_000;
const FINE_MS = 24 * HOUR_MS;
const KEPT_MS = 30 * 24 * HOUR_MS;

@Injectable()
export class DatabaseMetricsService {
  constructor(private readonly db: PrismaService) {}

  /** @throws NotFound `database_not_found`; Invalid `validation_failed` */
  async of(caller: Caller, id: string, query: DatabaseMetricsQuery): Promise<z.output<typeof databaseMetricsResponse>> {
    await requireDatabase(this.db, caller, id);
    const { from, to, rolledUp } = rangeOf(query, Date.now());
    const points = await pointsOf(this.db, id, { from, to, rolledUp });
    const step = rolledUp ? ROLLUP_SECONDS : SAMPLE_SECONDS;
    return { database_id: id, from: from.toISOString(), to: to.toISOString(), step, points };
  }
}

/**
 * At most 30 days back; what begins within the last 24 hours in steps of 15 seconds, everything else of 5 minutes.
 * @throws Invalid `validation_failed` when it ends before it begins
 */
export function rangeOf(query: DatabaseMetricsQuery, now: number): { from: Date; to: Date; rolledUp: boolean } {
  const to = Math.min(query.to ? Date.parse(query.to) : now, now);
  const from = Math.max(query.from ? Date.parse(query.from) : to - HOUR_MS, now - KEPT_MS);
  if (from >= to) throw invalid([{ path: 'from', message: 'must be before to, and to within the last 30 days' }]);
  return { from: new Date(from), to: new Date(to), rolledUp: from < now - FINE_MS };
}
