/**
 * Whose turn it is to build. The host builds so many at once; the next is the one whose project (without a project: whose user) has the
 * fewest builds running and before it in the line, among equals whose last turn is longest ago, so a project with fifty waiting delays another's first by one build, not by fifty.
 *
 * Truth is in PostgreSQL: a slot is a build whose status is `running`, and that is moved on by the run's own end. A killed worker's build
 * keeps its slot until its run is taken over and ends; one that waits counts only while its run's lease is alive, so the line never waits
 * for a dead worker. Several workers agree by an advisory lock around the decision.
 */
import { availableParallelism } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import { Bus } from '#platform/bus.js';
import { CONFIG, type Config } from '#platform/config.js';
import { PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import type { StepContext } from '#workflows/workflow.js';
import { moveBuild } from './builds.state.js';

/** Bus topic: a build has ended, somebody may go on. */
export const SLOTS_TOPIC = 'builds:slots';
/** A lost wake-up costs this much at most. Milliseconds. */
const LOOK_MS = 1000;
/** Any number that nothing else locks by (pg_advisory_xact_lock). */
const LOCK = 7_240_001;

@Injectable()
export class BuildSlots {
  constructor(
    private readonly db: PrismaService,
    private readonly bus: Bus,
    @Inject(CONFIG) private readonly config: Pick<Config, 'CONTAINR_BUILD_CONCURRENCY'>,
  ) {}

  /** Builds at once. */
  get limit(): number {
    return this.config.CONTAINR_BUILD_CONCURRENCY || availableParallelism();
  }

  /** Resolves when the build may run and has been marked `running`. Rejects with signal.reason; then it no longer waits. */
  async take(buildId: string, log: (line: string) => void, ctx: Pick<StepContext, 'signal' | 'idle'>): Promise<void> {
    const position = await this.enter(buildId);
    if (position > 0) await ctx.idle(() => this.wait(buildId, log, ctx.signal));
  }

  private enter(buildId: string): Promise<number> {
    return this.db.$transaction((tx) => enter(tx, buildId, this.limit));
  }

  private async wait(buildId: string, log: (line: string) => void, signal: AbortSignal): Promise<void> {
    for (let told = 0; ; ) {
      signal.throwIfAborted();
      // Before the look, so that a slot that gets free during it is not slept over.
      const looked = new AbortController();
      const changed = this.bus.next(SLOTS_TOPIC, LOOK_MS, AbortSignal.any([signal, looked.signal]));
      try {
        const position = await this.enter(buildId);
        if (position === 0) return;
        if (position !== told) log(`Waiting for a build slot: ${ordinal(position)} in line.`);
        told = position;
        await changed;
      } finally {
        looked.abort();
      }
    }
  }
}

interface Line {
  status: string;
  running: number;
  /** Others that wait. */
  waiting: number;
}

/** @returns 0: it runs; else its position in the line, from 1 */
async function enter(tx: Tx, id: string, limit: number): Promise<number> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK})`;
  const [line] = await tx.$queryRaw<[Line]>`
    SELECT (SELECT status FROM builds WHERE id = ${id}::uuid) AS status,
      count(*) FILTER (WHERE status = 'running')::int AS running,
      count(*) FILTER (WHERE status = 'pending' AND waiting_since IS NOT NULL AND id <> ${id}::uuid)::int AS waiting
    FROM builds WHERE status IN ('pending', 'running')`;
  if (line.status === 'running') return 0;
  const position = line.waiting === 0 ? 1 : await join(tx, id);
  if (position <= limit - line.running) {
    await moveBuild(tx, id, 'running', { startedAt: new Date() });
    return 0;
  }
  if (line.waiting === 0) await join(tx, id);
  return position;
}

async function join(tx: Tx, id: string): Promise<number> {
  await tx.build.updateMany({ where: { id, waitingSince: null }, data: { waitingSince: new Date() } });
  return (await positions(tx, [id])).get(id) ?? 1;
}

/** Position in the line, from 1, of those of the builds that wait. */
export async function positions(tx: Tx, ids: string[]): Promise<Map<string, number>> {
  const rows = await tx.$queryRaw<{ id: string; position: number }[]>`
    WITH busy AS (
      SELECT coalesce(project_id, user_id, id) AS tenant, count(*) AS running FROM builds WHERE status = 'running' GROUP BY 1
    ), waiting AS (
      SELECT b.id, coalesce(b.project_id, b.user_id, b.id) AS tenant, b.waiting_since, CASE WHEN b.project_id IS NULL
        THEN (SELECT s.started_at FROM builds s WHERE s.user_id = b.user_id AND s.project_id IS NULL AND s.started_at IS NOT NULL
          ORDER BY s.created_at DESC, s.id DESC LIMIT 1)
        ELSE (SELECT s.started_at FROM builds s WHERE s.project_id = b.project_id AND s.started_at IS NOT NULL
          ORDER BY s.created_at DESC, s.id DESC LIMIT 1) END AS served
      FROM builds b
      WHERE b.status = 'pending' AND b.waiting_since IS NOT NULL AND (b.id = ANY(${ids}::uuid[]) OR EXISTS (
        SELECT 1 FROM runs r WHERE r.subject_id = b.id AND r.status = 'running' AND r.lease_until > clock_timestamp()))
    ), turns AS (
      SELECT w.id, w.waiting_since, w.served,
        row_number() OVER (PARTITION BY w.tenant ORDER BY w.waiting_since, w.id) + coalesce(busy.running, 0) AS turn
      FROM waiting w LEFT JOIN busy USING (tenant)
    ), line AS (
      SELECT id, row_number() OVER (ORDER BY turn, served NULLS FIRST, waiting_since, id)::int AS position FROM turns
    ) SELECT id, position FROM line WHERE id = ANY(${ids}::uuid[])`;
  return new Map(rows.map(({ id, position }) => [id, position]));
}

/** 1st, 2nd, 3rd, 4th, 11th, 21st. */
export function ordinal(n: number): string {
  const teen = n % 100 >= 11 && n % 100 <= 13;
  return `${n}${teen ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')}`;
}
