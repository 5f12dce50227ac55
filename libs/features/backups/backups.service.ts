/** Backups of a database: made, listed, proven, deleted, given out, brought along. */
import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { BackupView, backupListQuery } from '#contracts/backups.js';
import { engineOf } from '#drivers/engines/index.js';
import { recordAudit } from '#features/audit/index.js';
import { requireDatabase, requireRunning } from '#features/databases/index.js';
import { projectOf, refusal } from '#features/projects/index.js';
import { Bus } from '#platform/bus.js';
import { afterCursor, type Caller } from '#platform/http/index.js';
import { pageOf } from '#platform/keyset.js';
import { databaseTime, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { RunQueue } from '#workflows/run-queue.js';
import { cancelRuns } from '#workflows/runs.queries.js';
import { type BackupRow, DATABASE_BACKUP, requireBackup, startBackup, startVerify } from './backups.queries.js';
import { requireCompleted } from './backups.state.js';
import { backupView } from './backups.view.js';
import { BACKUPS_CHANGED } from './backups.workflows.js';
import { backupUnsupported } from './database-dumps.js';

const resource = 'backup';

@Injectable()
export class BackupsService {
  constructor(
    private readonly db: PrismaService,
    private readonly queue: RunQueue,
    private readonly bus: Bus,
  ) {}

  /** @throws Conflict `database_not_running`, `backup_unsupported` */
  async create(caller: Caller, databaseId: string): Promise<BackupRow> {
    const { row, runId } = await this.db.$transaction(async (tx) => {
      const database = await requireDatabase(tx, caller, databaseId);
      requireRunning(database);
      requireDumps(database);
      const schedule = await tx.backupSchedule.findUnique({ where: { databaseId } });
      const started = await startBackup(tx, { database, trigger: 'manual', targetId: schedule?.targetId ?? null });
      const { projectId } = database;
      const after = { database_id: databaseId, target_id: started.row.targetId };
      await recordAudit(tx, caller, { resource, resourceId: started.row.id, action: 'create', projectId, after });
      return started;
    });
    this.queue.nudge(runId);
    return row;
  }

  /** Also those of a deleted database. */
  async list(caller: Caller, databaseId: string, query: z.output<typeof backupListQuery>) {
    await requireAnyDatabase(this.db, caller, databaseId);
    const rows = await this.db.backup.findMany({
      where: { databaseId, deletedAt: null, ...afterCursor(query.cursor) },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: query.limit + 1,
    });
    const { page, next } = pageOf(rows, query.limit);
    return { backups: page.map(backupView), next_cursor: next };
  }

  async get(caller: Caller, databaseId: string, id: string): Promise<BackupView> {
    return backupView(await requireBackup(this.db, caller, id, databaseId));
  }

  /** Its file goes within a minute. One that is being made is cancelled. */
  async remove(caller: Caller, databaseId: string, id: string): Promise<void> {
    await this.db.$transaction(async (tx) => {
      const row = await requireBackup(tx, caller, id, databaseId);
      await cancelMaking(tx, row);
      await tx.backup.update({ where: { id }, data: { deletedAt: await databaseTime(tx) } });
      const before = { database_id: databaseId, trigger: row.trigger, created_at: row.createdAt.toISOString() };
      const { projectId } = row;
      await recordAudit(tx, caller, { resource, resourceId: id, action: 'delete', projectId, before });
    });
    this.bus.publish(BACKUPS_CHANGED);
  }

  /** @throws Conflict `backup_in_progress`, `backup_failed` */
  async verify(caller: Caller, databaseId: string, id: string): Promise<{ message: string }> {
    const runId = await this.db.$transaction(async (tx) => {
      const row = await requireBackup(tx, caller, id, databaseId);
      requireCompleted(row);
      const run = await startVerify(tx, id);
      const { projectId } = row;
      const after = { database_id: databaseId };
      await recordAudit(tx, caller, { resource, resourceId: id, action: 'verify', projectId, after });
      return run;
    });
    this.queue.nudge(runId);
    return {
      message:
        'The backup is restored into a throw-away database and compared. verified_at or verify_error tells the result.',
    };
  }
}

/** @throws Conflict `backup_unsupported` */
export function requireDumps({ type }: { type: string }): void {
  const engine = engineOf(type);
  // What the command holds does not matter here, only that there is one.
  if (!engine.dump({ root: '', password: '' })) throw backupUnsupported(engine);
}

/** Living or deleted. @throws NotFound `database_not_found` */
async function requireAnyDatabase(db: Tx, caller: Caller, id: string): Promise<void> {
  const find = (reader: Caller) => db.database.findFirst({ where: { id, project: projectOf(reader) } });
  if (!(await find(caller))) throw await refusal(caller, 'database', find);
}

async function cancelMaking(tx: Tx, { id, status }: BackupRow): Promise<void> {
  if (status !== 'in_progress') return;
  const run = await tx.run.findFirst({ where: { workflow: DATABASE_BACKUP, subjectId: id } });
  if (run) await cancelRuns(tx, { id: run.id });
}
