/**
 * Daily partitions of what only grows: made ahead, and dropped as tables when they are older than the retention. Each change is a
 * transaction of its own that waits for locks only briefly: writers queue behind a waiting DROP, so it gives up and the next round tries again.
 */
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '#platform/config.js';
import { Prisma, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { dayOf, oldestKept, planPartitions, startOfDay } from './partitions.plan.js';

/** One worker at a time; the others pass. */
const PARTITION_LOCK = 7_203_001;
const DAY_MS = 86_400_000;
/** Rows that one statement deletes from a default partition. */
const STRAY_BATCH = 10_000;

/** Moving the rows of a day may take longer than Prisma's 5 s. */
const TRANSACTION = { timeout: 60_000 };

type Change = 'done' | 'unneeded' | 'busy';

export interface PartitionsResult {
  created: string[];
  dropped: string[];
}

@Injectable()
export class Partitions {
  private readonly tables: [table: string, retentionDays: number][];

  constructor(
    private readonly db: PrismaService,
    @Inject(CONFIG) config: Config,
  ) {
    this.tables = [
      ['log_lines', config.CONTAINR_LOG_RETENTION_DAYS],
      ['release_logs', config.CONTAINR_LOG_RETENTION_DAYS],
      ['service_metrics', config.CONTAINR_METRICS_RETENTION_DAYS],
      // 24 hours and 30 days, and the days that they reach into.
      ['database_metrics', 2],
      ['database_metric_rollups', 31],
    ];
  }

  /** Idempotent. @returns names of the tables that were made and dropped. */
  async keep(): Promise<PartitionsResult> {
    const result: PartitionsResult = { created: [], dropped: [] };
    for (const [table, retentionDays] of this.tables) {
      const now = await this.now();
      const { create, drop } = planPartitions(await this.observe(table), now, retentionDays);
      result.created.push(...(await this.each(table, create, (day) => this.create(table, day))));
      result.dropped.push(...(await this.each(table, drop, (day) => this.drop(table, day))));
      await this.sweepStrays(table, oldestKept(now, retentionDays));
    }
    return result;
  }

  /** @returns names of the partitions that were changed; ends at the first one whose locks are not to be had. */
  private async each(table: string, days: string[], change: (day: string) => Promise<Change>): Promise<string[]> {
    const changed: string[] = [];
    for (const day of days) {
      const result = await change(day);
      if (result === 'busy') break;
      if (result === 'done') changed.push(`${table}_${day}`);
    }
    return changed;
  }

  /** Of the database: workers' clocks may differ. */
  private async now(): Promise<Date> {
    const [row] = await this.db.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    return (row as { now: Date }).now;
  }

  private async observe(table: string): Promise<{ existing: string[]; strays: string[] }> {
    const names = await this.db.$queryRaw<{ name: string }[]>`
      SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = to_regclass(${table})`;
    const strays = await this.db.$queryRaw<{ day: Date }[]>`
      SELECT DISTINCT date_trunc('day', at, 'UTC') AS day FROM ${identifier(`${table}_default`)}`;
    const suffix = new RegExp(`^${table}_(\\d{8})$`);
    return {
      existing: names.flatMap(({ name }) => suffix.exec(name)?.[1] ?? []),
      strays: strays.map(({ day }) => dayOf(day)),
    };
  }

  /** Rows of that day that are in the default partition move along; while they do, writers of the table wait. */
  private create(table: string, day: string): Promise<Change> {
    const [parent, fallback, partition] = [table, `${table}_default`, `${table}_${day}`].map(identifier);
    const from = startOfDay(day);
    const to = new Date(from.getTime() + DAY_MS);
    return this.exclusively(async (tx) => {
      if (await exists(tx, `${table}_${day}`)) return 'unneeded';
      // The parent first: an insert that had already chosen the default partition, and waited there, would fail once it is not the right one.
      await tx.$executeRaw`LOCK TABLE ONLY ${parent} IN SHARE ROW EXCLUSIVE MODE`;
      await tx.$executeRaw`LOCK TABLE ${fallback} IN ACCESS EXCLUSIVE MODE`;
      await tx.$executeRaw`CREATE TABLE ${partition} (LIKE ${parent} INCLUDING ALL)`;
      await tx.$executeRaw`
        WITH moved AS (DELETE FROM ${fallback} WHERE at >= ${from} AND at < ${to} RETURNING *)
        INSERT INTO ${partition} SELECT * FROM moved`;
      await tx.$executeRaw`
        ALTER TABLE ${parent} ATTACH PARTITION ${partition} FOR VALUES FROM (${literal(from)}) TO (${literal(to)})`;
      return 'done';
    });
  }

  /** Not DETACH CONCURRENTLY: PostgreSQL refuses that while there is a default partition. */
  private drop(table: string, day: string): Promise<Change> {
    return this.exclusively(async (tx) => {
      if (!(await exists(tx, `${table}_${day}`))) return 'unneeded';
      await tx.$executeRaw`DROP TABLE ${identifier(`${table}_${day}`)}`;
      return 'done';
    });
  }

  private async sweepStrays(table: string, before: Date): Promise<void> {
    const fallback = identifier(`${table}_default`);
    let deleted = STRAY_BATCH;
    while (deleted === STRAY_BATCH)
      deleted = await this.db.$executeRaw`
        DELETE FROM ${fallback} WHERE ctid = ANY(ARRAY(SELECT ctid FROM ${fallback} WHERE at < ${before} LIMIT ${STRAY_BATCH}))`;
  }

  /** `busy`: another worker is at it, or the lock on a table could not be had in time. */
  private async exclusively(work: (tx: Tx) => Promise<Change>): Promise<Change> {
    try {
      return await this.db.$transaction(async (tx) => {
        const [row] = await tx.$queryRaw<{ taken: boolean }[]>`
          SELECT pg_try_advisory_xact_lock(${PARTITION_LOCK}) AS taken`;
        if (!row?.taken) return 'busy';
        await tx.$executeRaw`SET LOCAL lock_timeout = '2s'`;
        return await work(tx);
      }, TRANSACTION);
    } catch (error) {
      if (String(error).includes('55P03')) return 'busy'; // lock_not_available: the next round
      throw error;
    }
  }
}

async function exists(tx: Tx, table: string): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ found: boolean }[]>`SELECT to_regclass(${table}) IS NOT NULL AS found`;
  return row?.found ?? false;
}

/** Identifiers cannot be parameters; these are made of our own table names and digits. */
function identifier(name: string): Prisma.Sql {
  if (!/^[a-z_]+(_\d{8})?$/.test(name)) throw new Error(`not one of our table names: ${name}`);
  return Prisma.raw(`"${name}"`);
}

/** Bounds of a partition cannot be parameters either. */
function literal(at: Date): Prisma.Sql {
  return Prisma.raw(`'${at.toISOString()}'`);
}
