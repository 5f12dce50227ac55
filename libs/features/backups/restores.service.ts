/** Restores: into the database itself, or into a new one. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { RestoreRequest, RestoreView } from '#contracts/backups.js';
import { compareVersions, engineOf } from '#drivers/engines/index.js';
import { recordAudit } from '#features/audit/index.js';
import { type DatabaseRow, DatabasesService, lockDatabase, requireDatabase } from '#features/databases/index.js';
import { lockProject } from '#features/projects/index.js';
import { Conflict } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { databaseTime, PrismaService, type Tx, uniqueViolation } from '#platform/prisma/prisma.service.js';
import { RunQueue } from '#workflows/run-queue.js';
import { type BackupRow, requireBackup, startRestore } from './backups.queries.js';
import { requireCompleted } from './backups.state.js';
import { restoreView } from './backups.view.js';
import { safetyBackup } from './backups.workflows.js';

interface Started {
  restoreId: string;
  databaseId: string;
  runs: string[];
}

@Injectable()
export class RestoresService {
  constructor(
    private readonly db: PrismaService,
    private readonly databases: DatabasesService,
    private readonly queue: RunQueue,
  ) {}

  /**
   * @throws Conflict `backup_in_progress`, `backup_failed`, `engine_differs`, `version_newer`, `restore_in_progress`, `database_name_taken`;
   *   NotFound `backup_not_found`
   */
  async start(caller: Caller, databaseId: string, request: RestoreRequest) {
    const { as } = request;
    const {
      restoreId,
      databaseId: into,
      runs,
    } = await this.db
      .$transaction((tx) =>
        as ? this.intoNew(tx, caller, databaseId, request, as) : this.inPlace(tx, caller, databaseId, request),
      )
      .catch(explainBusy);
    for (const run of runs) this.queue.nudge(run);
    const message = as
      ? `The backup is being restored into the new database ${as.name}.`
      : 'The backup is being restored. The database goes on serving the data of now until the restored data is complete.';
    return { message, restore_id: restoreId, database_id: into };
  }

  async list(caller: Caller, databaseId: string): Promise<{ restores: RestoreView[] }> {
    await requireDatabase(this.db, caller, databaseId);
    const rows = await this.db.restore.findMany({
      where: { databaseId },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: 100,
    });
    return { restores: rows.map(restoreView) };
  }

  private async inPlace(tx: Tx, caller: Caller, id: string, request: RestoreRequest): Promise<Started> {
    await requireDatabase(tx, caller, id);
    await lockDatabase(tx, id);
    const database = await requireDatabase(tx, caller, id);
    const backup = await this.usable(tx, caller, request.backup_id, database);
    // Found here for its message; the unique index is what two requests at the same moment meet.
    if ((await tx.restore.count({ where: { databaseId: id, status: 'in_progress' } })) > 0) throw busy();
    const safetyId = request.without_safety_backup ? null : await safetyBackup(tx, database);
    await tx.database.update({ where: { id }, data: { desiredState: 'running' } });
    return this.begin(tx, caller, { database, backup, mode: 'in_place', safetyId });
  }

  /** The new database is made by its own run; the one that loads it comes after it in the line. */
  private async intoNew(
    tx: Tx,
    caller: Caller,
    id: string,
    request: RestoreRequest,
    { name, plan }: NonNullable<RestoreRequest['as']>,
  ): Promise<Started> {
    const like = await requireDatabase(tx, caller, id);
    const backup = await this.usable(tx, caller, request.backup_id, like);
    await lockProject(tx, caller, like.projectId);
    const made = randomUUID();
    const { type, region, version, projectId } = like;
    const wish = { name, type, region, version, projectId, plan: plan ?? like.plan };
    const database = await this.databases.createIn(tx, caller, wish, made);
    const started = await this.begin(tx, caller, { database, backup, mode: 'new', safetyId: null });
    return { ...started, runs: [made, ...started.runs] };
  }

  private async usable(tx: Tx, caller: Caller, id: string, database: DatabaseRow): Promise<BackupRow> {
    const backup = await requireBackup(tx, caller, id);
    requireCompleted(backup);
    requireFitting(backup, database);
    return backup;
  }

  private async begin(
    tx: Tx,
    caller: Caller,
    {
      database,
      backup,
      mode,
      safetyId,
    }: { database: DatabaseRow; backup: BackupRow; mode: string; safetyId: string | null },
  ): Promise<Started> {
    const restoreId = randomUUID();
    const { id: databaseId, projectId } = database;
    const data = { id: restoreId, databaseId, backupId: backup.id, mode, safetyId };
    await tx.restore.create({ data: { ...data, createdAt: await databaseTime(tx) } });
    const run = await startRestore(tx, restoreId, databaseId);
    const after = { backup_id: backup.id, mode, safety_backup_id: safetyId };
    await recordAudit(tx, caller, {
      resource: 'database',
      resourceId: databaseId,
      action: 'restore',
      projectId,
      after,
    });
    return { restoreId, databaseId, runs: [run] };
  }
}

/** @throws Conflict `engine_differs`, `version_newer` */
export function requireFitting(
  backup: { engine: string; version: string },
  database: { type: string; version: string },
): void {
  const [from, into] = [engineOf(backup.engine).name, engineOf(database.type).name];
  if (backup.engine !== database.type) {
    const message = `The backup is of ${from}, the database is ${into}: choose a backup of ${into}.`;
    throw new Conflict('engine_differs', message);
  }
  if (compareVersions(backup.version, database.version) <= 0) return;
  const message = `The backup was made by ${from} ${backup.version}, and the database is the older ${database.version}: restore it into a database of version ${backup.version} or newer.`;
  throw new Conflict('version_newer', message);
}

function busy(): Conflict {
  return new Conflict('restore_in_progress', 'Another restore of this database is under way: wait until it has ended.');
}

function explainBusy(error: unknown): never {
  throw uniqueViolation(error)?.includes('restores') ? busy() : error;
}
