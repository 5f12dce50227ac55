/** Rows of backups: with the tenant filter built in, and those that a run writes. */
import { randomUUID } from 'node:crypto';
import type { BackupTrigger } from '#contracts/backups.js';
import { databaseLock } from '#features/databases/index.js';
import { projectOf, refusal } from '#features/projects/index.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { databaseTime, type Prisma, type Tx } from '#platform/prisma/prisma.service.js';
import { createRun } from '#workflows/runs.queries.js';

export type BackupRow = Prisma.BackupGetPayload<object>;

export const DATABASE_BACKUP = 'database-backup';
export const BACKUP_VERIFY = 'backup-verify';
export const DATABASE_RESTORE = 'database-restore';

/** Beside what changes the database, not before or after it: an hour of dumping must not keep anybody from stopping it. */
export function backupLock(databaseId: string): string {
  return `backup:${databaseId}`;
}

/** One proof at a time: each runs a second database. */
export const VERIFY_LOCK = 'backup-verify';

/** A backup that the caller may use, also of a deleted database. @throws NotFound `backup_not_found`; Forbidden `role_too_low` */
export async function requireBackup(db: Tx, caller: Caller, id: string, databaseId?: string): Promise<BackupRow> {
  if (!/^[0-9a-f-]{36}$/i.test(id)) throw notFound('backup');
  const find = (reader: Caller) =>
    db.backup.findFirst({
      where: { id, deletedAt: null, project: projectOf(reader), ...(databaseId ? { databaseId } : {}) },
    });
  const row = await find(caller);
  if (!row) throw await refusal(caller, 'backup', find);
  return row;
}

export interface NewBackup {
  database: { id: string; projectId: string; type: string; version: string };
  trigger: BackupTrigger;
  targetId: string | null;
}

export async function insertBackup(tx: Tx, { database, trigger, targetId }: NewBackup): Promise<BackupRow> {
  const { id: databaseId, projectId, type: engine, version } = database;
  const data = { id: randomUUID(), databaseId, projectId, engine, version, trigger, targetId };
  return tx.backup.create({ data: { ...data, createdAt: await databaseTime(tx) } });
}

/** The row and the run that makes it. @returns the row and the id of the run to nudge after commit */
export async function startBackup(tx: Tx, wanted: NewBackup): Promise<{ row: BackupRow; runId: string }> {
  const row = await insertBackup(tx, wanted);
  const runId = randomUUID();
  await createRun(tx, { id: runId, workflow: DATABASE_BACKUP, subjectId: row.id, lockKey: backupLock(row.databaseId) });
  return { row, runId };
}

export async function startVerify(tx: Tx, backupId: string): Promise<string> {
  const runId = randomUUID();
  await createRun(tx, { id: runId, workflow: BACKUP_VERIFY, subjectId: backupId, lockKey: VERIFY_LOCK });
  return runId;
}

export async function startRestore(tx: Tx, restoreId: string, databaseId: string): Promise<string> {
  const runId = randomUUID();
  await createRun(tx, {
    id: runId,
    workflow: DATABASE_RESTORE,
    subjectId: restoreId,
    lockKey: databaseLock(databaseId),
  });
  return runId;
}

/** Does nothing to one that has ended already. */
export async function failBackup(tx: Tx, id: string, failure: { code: string; message: string } | null): Promise<void> {
  const { code, message } = failure ?? { code: 'internal', message: 'Unknown failure.' };
  const data = { status: 'failed', error: message, errorCode: code, completedAt: await databaseTime(tx) };
  await tx.backup.updateMany({ where: { id, status: 'in_progress' }, data });
}
