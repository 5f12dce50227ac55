/** Output of containers that are gone, as sorted sources beside those of the engine. At most one row of each lane is unpacked at a time. */
import { Injectable } from '@nestjs/common';
import { ProjectSecrets, unpackLines } from '#features/releases/index.js';
import { Prisma, PrismaService } from '#platform/prisma/prisma.service.js';
import { redactor } from '#platform/secrets.js';
import { type ArchivedRow, chosenRows, lanesOf } from './archived-rows.js';
import { ARCHIVE_ID, type ReplicaLine } from './frames.js';
import type { LineFilter } from './line-filter.js';

export interface Past {
  sources: AsyncIterable<ReplicaLine[]>[];
  /** There is more than one answer reads. */
  partial: boolean;
}

export const NO_PAST: Past = { sources: [], partial: false };

/** Rows that one answer reads: each holds at most 1 MiB of text. */
const MAX_ROWS = 64;
/** Deployments of a service that are looked at, newest first. */
const MAX_DEPLOYMENTS = 100;
const BATCH = 500;
/** Rows know their ends in whole milliseconds, cut off. */
const PRECISION_MS = 1;

@Injectable()
export class ArchivedLogs {
  constructor(
    private readonly db: PrismaService,
    private readonly secrets: ProjectSecrets,
  ) {}

  /** @param limit lines that are wanted: rows that cannot hold one of the last so many are left out. */
  ofDeployment(deploymentId: string, filter: LineFilter, limit: number): Promise<Past> {
    return this.past(Prisma.sql`deployment_id = ${deploymentId}::uuid`, filter, limit);
  }

  ofService(serviceId: string, filter: LineFilter, limit: number): Promise<Past> {
    const newest = Prisma.sql`
      SELECT id FROM deployments WHERE service_id = ${serviceId}::uuid ORDER BY created_at DESC, id DESC LIMIT ${MAX_DEPLOYMENTS}`;
    return this.past(Prisma.sql`deployment_id = ANY(ARRAY(${newest}))`, filter, limit);
  }

  private async past(scope: Prisma.Sql, filter: LineFilter, limit: number): Promise<Past> {
    if (limit === 0) return NO_PAST;
    const from = new Date(filter.since ? Date.parse(filter.since) - PRECISION_MS : 0);
    const to = filter.until ? new Date(filter.until) : new Date(8.64e15 / 100);
    // `at` is later than every line: with it PostgreSQL leaves out the partitions of earlier days.
    const rows = await this.db.$queryRaw<ArchivedRow[]>`
      SELECT deployment_id AS deployment, replica, at, lines, first_at AS "firstAt", last_at AS "lastAt" FROM release_logs
      WHERE ${scope} AND at >= ${from} AND last_at >= ${from} AND first_at <= ${to}
      ORDER BY last_at DESC LIMIT ${MAX_ROWS + 1}`;
    const chosen = chosenRows(rows, filter.text || filter.until ? Number.POSITIVE_INFINITY : limit);
    const read = chosen.slice(0, MAX_ROWS);
    return { sources: lanesOf(read).map((lane) => this.lane(lane)), partial: chosen.length > MAX_ROWS };
  }

  private async *lane(rows: ArchivedRow[]): AsyncGenerator<ReplicaLine[]> {
    for (const row of rows) {
      const lines = await this.unpacked(row);
      for (let at = 0; at < lines.length; at += BATCH) yield lines.slice(at, at + BATCH);
    }
  }

  /** [] when its retention ended since we looked. Redacted again: a value may have become a secret since. */
  private async unpacked({ deployment, replica, at }: ArchivedRow): Promise<ReplicaLine[]> {
    const row = await this.db.releaseLog.findFirst({ where: { deploymentId: deployment, replica, at } });
    if (!row) return [];
    const redact = redactor(await this.secrets.ofDeployment(deployment));
    const lines = await unpackLines(row.content);
    return lines.map((line) => ({ ...line, message: redact(line.message), replica, container: ARCHIVE_ID }));
  }
}
