/** Turns due schedules into backups: each due time into one, whichever worker sees it first; what was missed is made up for once. */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { engineOf } from '#drivers/engines/index.js';
import { planOf } from '#features/databases/index.js';
import { nextRun } from '#features/services/index.js';
import { databaseTime, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { RunQueue } from '#workflows/run-queue.js';
import { startBackup } from './backups.queries.js';

const AT_ONCE = 50;
/** Default schedules are spread over this many hours of the night (UTC), so that not every database is dumped at the same minute. */
const NIGHT_HOURS = 4;

interface Due {
  database_id: string;
  schedule: string;
  time_zone: string | null;
  target_id: string | null;
}

@Injectable()
export class BackupSchedules {
  constructor(
    private readonly db: PrismaService,
    private readonly queue: RunQueue,
  ) {}

  /** @returns how many backups were started. */
  async tick(): Promise<number> {
    const runs = await this.db.$transaction(async (tx) => {
      await this.giveDefaults(tx);
      const rows = await tx.$queryRaw<Due[]>`
        SELECT s.database_id, s.schedule, s.time_zone, s.target_id FROM backup_schedules s
        WHERE s.next_run_at <= clock_timestamp() AND s.enabled
        ORDER BY s.next_run_at LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED`;
      const started: string[] = [];
      for (const row of rows) started.push(...(await this.start(tx, row)));
      return started;
    });
    for (const run of runs) this.queue.nudge(run);
    return runs.length;
  }

  /** One that does not run has nothing new: its next time counts. One whose backup is still being made is not asked for a second. */
  private async start(tx: Tx, due: Due): Promise<string[]> {
    const { database_id: databaseId } = due;
    const nextRunAt = nextRun(due.schedule, due.time_zone, await databaseTime(tx));
    await tx.backupSchedule.update({ where: { databaseId }, data: { nextRunAt } });
    const database = await tx.database.findUnique({ where: { id: databaseId } });
    if (!database || database.deletedAt || database.desiredState !== 'running') return [];
    const open = { databaseId, trigger: 'schedule', status: 'in_progress' };
    if ((await tx.backup.count({ where: open })) > 0) return [];
    const { runId } = await startBackup(tx, { database, trigger: 'schedule', targetId: due.target_id });
    return [runId];
  }

  /** A new database is in the line for backups without anybody asking for it. */
  private async giveDefaults(tx: Tx): Promise<void> {
    const without = await tx.database.findMany({
      where: { deletedAt: null, schedule: null },
      select: { id: true, type: true, plan: true },
      take: AT_ONCE,
    });
    for (const database of without) {
      const data = defaultSchedule(database, await databaseTime(tx));
      await tx.backupSchedule.createMany({ data: [{ databaseId: database.id, ...data }], skipDuplicates: true });
    }
  }
}

/** Once a night at a minute that is the database's own, kept for as long as the plan says. Off where there is no dump. */
export function defaultSchedule({ id, type, plan }: { id: string; type: string; plan: string }, now: Date) {
  const minute = createHash('sha256').update(id).digest().readUInt32BE(0) % (NIGHT_HOURS * 60);
  const schedule = `${minute % 60} ${1 + Math.floor(minute / 60)} * * *`;
  const days = planOf(plan).backupRetentionDays;
  const enabled = engineOf(type).dump({ root: '', password: '' }) !== null;
  return {
    enabled,
    schedule,
    timeZone: null,
    targetId: null,
    verify: true,
    keepCount: days,
    keepDays: days,
    nextRunAt: enabled ? nextRun(schedule, null, now) : null,
  };
}
