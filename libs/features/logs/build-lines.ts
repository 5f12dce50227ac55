/** Stored build output: reading it, and following it while the deployment goes on. */
import { Injectable } from '@nestjs/common';
import type { LogEntry } from '#contracts/deployments.js';
import { Bus } from '#platform/bus.js';
import { type Prisma, PrismaService } from '#platform/prisma/prisma.service.js';
import { deploymentTopic } from './build-log.js';
import { isFiltering, type LineFilter, matches, NO_FILTER, rangeOf } from './line-filter.js';

export interface BuildLine {
  seq: bigint;
  at: Date;
  message: string;
}

export interface DeploymentProgress {
  status: string;
  error: string | null;
  /** It has been the live release, even if a newer one has replaced it since. */
  wasLive: boolean;
  /** Why its clean-up waits for a person's decision; null when it does not. */
  stuck: string | null;
}

export type BuildEvent = { kind: 'lines'; lines: BuildLine[] } | { kind: 'progress'; progress: DeploymentProgress };

const BATCH = 500;
/** Lines read at once when a log is read from its end. */
const PAGE = 5000;
/** A lost wake-up costs this much at most. */
const WAKE_MS = 1000;
/**
 * No line is older than its deployment; a day more, because workers' clocks may differ. With it PostgreSQL plans only the partitions of
 * those days (libs/features/housekeeping/partitions.ts).
 */
const SLACK_MS = 86_400_000;
const ENDED = new Set(['superseded', 'failed', 'cancelled']);

/** Nothing changes any more. */
export function isFinal(status: string): boolean {
  return ENDED.has(status);
}

export function buildEntry({ at, message }: BuildLine): LogEntry {
  return { timestamp: at.toISOString(), message, stream: 'build' };
}

@Injectable()
export class BuildLines {
  constructor(
    private readonly db: PrismaService,
    private readonly bus: Bus,
  ) {}

  /** The last `limit` lines that the filter lets through, oldest first. */
  async last(deploymentId: string, limit: number, filter = NO_FILTER): Promise<BuildLine[]> {
    const found: BuildLine[] = [];
    if (limit === 0) return found;
    for await (const line of this.newestFirst(deploymentId, filter, limit)) if (found.push(line) === limit) break;
    return found.reverse();
  }

  /** The seq after which `tail` lines that the filter lets through are left; 0 when there are not more than that. */
  async seqBefore(deploymentId: string, tail: number | 'all', filter = NO_FILTER): Promise<bigint> {
    if (tail === 'all') return 0n;
    if (isFiltering(filter)) return this.matchBefore(deploymentId, tail, filter);
    const row = await this.db.logLine.findFirst({
      where: { subjectId: deploymentId, at: { gte: await this.since(deploymentId) } },
      orderBy: { seq: 'desc' },
      skip: tail,
    });
    return row?.seq ?? 0n;
  }

  private async matchBefore(deploymentId: string, tail: number, filter: LineFilter): Promise<bigint> {
    let left = tail;
    for await (const { seq } of this.newestFirst(deploymentId, filter, BATCH)) {
      if (left === 0) return seq;
      left -= 1;
    }
    return 0n;
  }

  /** Page by page: a log has at most 50,000 lines (build-log.ts), and no more than a page of it is in memory. */
  private async *newestFirst(deploymentId: string, filter: LineFilter, limit: number): AsyncGenerator<BuildLine> {
    const range = rangeOf(filter);
    const start = await this.since(deploymentId);
    const at = { gte: range.gte && range.gte > start ? range.gte : start, ...(range.lte ? { lte: range.lte } : {}) };
    const take = filter.text ? PAGE : Math.min(limit, PAGE);
    for (let before: bigint | null = null; ; ) {
      const where: Prisma.LogLineWhereInput = {
        subjectId: deploymentId,
        at,
        ...(before ? { seq: { lt: before } } : {}),
      };
      const page: BuildLine[] = await this.db.logLine.findMany({ where, orderBy: { seq: 'desc' }, take });
      for (const line of page) if (matches(filter, buildEntry(line))) yield line;
      if (page.length < take) return;
      before = (page.at(-1) as BuildLine).seq;
    }
  }

  /** The seq of the last line stored by then. */
  async seqAt(deploymentId: string, at: Date): Promise<bigint> {
    const row = await this.db.logLine.findFirst({
      where: { subjectId: deploymentId, at: { gte: await this.since(deploymentId), lte: at } },
      orderBy: { seq: 'desc' },
    });
    return row?.seq ?? 0n;
  }

  /** When a line was stored; null when there is no such line. */
  async timeOf(deploymentId: string, seq: bigint): Promise<Date | null> {
    const at = { gte: await this.since(deploymentId) };
    const row = await this.db.logLine.findFirst({ where: { subjectId: deploymentId, seq, at } });
    return row?.at ?? null;
  }

  /**
   * Lines after `after` (null: no lines at all) as they come, and each change of the status; the first one at once. Ends when the signal
   * aborts, or when `ended` says so of a status and every line before it has been yielded.
   */
  async *follow(
    deploymentId: string,
    after: bigint | null,
    ended: (progress: DeploymentProgress) => boolean,
    signal: AbortSignal,
  ): AsyncGenerator<BuildEvent> {
    let seen = '';
    let position = after;
    const since = await this.since(deploymentId);
    while (!signal.aborted) {
      // Before the look, so that what changes during it is not slept over.
      const changed = this.bus.next(deploymentTopic(deploymentId), WAKE_MS, signal);
      const progress = await this.progress(deploymentId);
      for (
        let lines = await this.after(deploymentId, position, since);
        lines.length > 0;
        lines = await this.after(deploymentId, position, since)
      ) {
        position = (lines.at(-1) as BuildLine).seq;
        yield { kind: 'lines', lines };
        if (signal.aborted) return;
      }
      if (!progress) return;
      if (JSON.stringify(progress) !== seen) yield { kind: 'progress', progress };
      seen = JSON.stringify(progress);
      // Its steps store all lines before the status moves on: nothing follows.
      if (ended(progress)) return;
      await changed;
    }
  }

  /** The partition key of its oldest line; the beginning of time for what is neither a deployment nor a build. */
  async since(subjectId: string): Promise<Date> {
    const [row] = await this.db.$queryRaw<{ at: Date }[]>`
      SELECT created_at AS at FROM deployments WHERE id = ${subjectId}::uuid
      UNION ALL SELECT created_at FROM builds WHERE id = ${subjectId}::uuid LIMIT 1`;
    return row ? new Date(row.at.getTime() - SLACK_MS) : new Date(0);
  }

  /** Null when the deployment is gone. */
  private async progress(id: string): Promise<DeploymentProgress | null> {
    const [row] = await this.db.$queryRaw<
      { status: string; error: string | null; started: boolean; stuck: string | null }[]
    >`
      SELECT d.status, d.error, d.started_at IS NOT NULL AS started,
        (SELECT coalesce(r.error, 'The clean-up failed.') FROM runs r WHERE r.subject_id = d.id AND r.status = 'stuck' LIMIT 1) AS stuck
      FROM deployments d WHERE d.id = ${id}::uuid`;
    if (!row) return null;
    const { status, error, started, stuck } = row;
    // One that was overtaken while it waited has never been started.
    return { status, error, stuck, wasLive: status === 'running' || (status === 'superseded' && started) };
  }

  /** Lines after `seq`, oldest first, at most 500. */
  async after(deploymentId: string, seq: bigint | null, since: Date): Promise<BuildLine[]> {
    if (seq === null) return [];
    return this.db.logLine.findMany({
      where: { subjectId: deploymentId, seq: { gt: seq }, at: { gte: since } },
      orderBy: { seq: 'asc' },
      take: BATCH,
    });
  }
}
