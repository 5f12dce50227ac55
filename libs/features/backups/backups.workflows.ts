/** The workflows of backups, their proof and restores, and what their ends mean. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { engineOf } from '#drivers/engines/index.js';
import { recordAudit } from '#features/audit/index.js';
import { containerName, moveDatabase, type Target } from '#features/databases/index.js';
import { recordEvent } from '#features/events/index.js';
import { databaseTime, type Prisma, type Tx } from '#platform/prisma/prisma.service.js';
import type { Outcome, Plan } from '#workflows/plan.js';
import type { RunFailure, RunRef, Workflow } from '#workflows/workflow.js';
import { planBackup, planRestoreInPlace, planRestoreNew, planVerify, type Temporary } from './backups.plan.js';
import {
  BACKUP_VERIFY,
  DATABASE_BACKUP,
  DATABASE_RESTORE,
  failBackup,
  insertBackup,
  startVerify,
} from './backups.queries.js';

/** Bus topic: a backup was deleted. */
export const BACKUPS_CHANGED = 'backups:changed';
/** A schedule that wants proofs gets one when the last is older than this. */
const PROVE_EVERY_HOURS = 20;

type DatabaseRow = Prisma.DatabaseGetPayload<object>;

@Injectable()
export class BackupWorkflows {
  workflows(): Workflow[] {
    return [
      { name: DATABASE_BACKUP, plan: async (_tx, run) => planBackup(run.subjectId), finished: backedUp },
      { name: BACKUP_VERIFY, plan: planProof, finished: proven },
      { name: DATABASE_RESTORE, plan: planRestore, finished: restored },
    ];
  }
}

async function restored(tx: Tx, run: RunRef, outcome: Outcome, failure: RunFailure | null): Promise<void> {
  const restore = await tx.restore.findUniqueOrThrow({ where: { id: run.subjectId }, include: { database: true } });
  const status = outcome === 'succeeded' ? 'completed' : 'failed';
  const error = outcome === 'succeeded' ? {} : { error: failure?.message ?? null, errorCode: failure?.code ?? null };
  await tx.restore.update({
    where: { id: restore.id },
    data: { status, ...error, completedAt: await databaseTime(tx) },
  });
  if (restore.safetyId) await failBackup(tx, restore.safetyId, failure);
  await settleDatabase(tx, restore, outcome, failure);
  const { databaseId, backupId, mode, database } = restore;
  const after = { backup_id: backupId, mode, outcome };
  const entry = { resource: 'database', resourceId: databaseId, action: 'restored', projectId: database.projectId };
  await recordAudit(tx, null, { ...entry, after });
}

/** An in-place restore that failed has left the old data serving; one into a new database has left nothing of use. */
async function settleDatabase(
  tx: Tx,
  { mode, database }: { mode: string; database: DatabaseRow },
  outcome: Outcome,
  failure: RunFailure | null,
): Promise<void> {
  if (database.deletedAt) return;
  if (outcome === 'succeeded') return moveDatabase(tx, database.id, 'running');
  if (outcome === 'stuck' || mode === 'new') return moveDatabase(tx, database.id, 'error', failure);
  await moveDatabase(tx, database.id, database.desiredState === 'running' ? 'running' : 'stopped');
}

async function backedUp(tx: Tx, run: RunRef, outcome: Outcome, failure: RunFailure | null): Promise<void> {
  if (outcome !== 'succeeded') await failBackup(tx, run.subjectId, failure);
  const row = await tx.backup.findUniqueOrThrow({ where: { id: run.subjectId } });
  const { id, databaseId, projectId, status, trigger } = row;
  const after = { database_id: databaseId, status, trigger, error_code: row.errorCode };
  await recordAudit(tx, null, { resource: 'backup', resourceId: id, action: status, projectId, after });
  const data = {
    backup_id: id,
    ...after,
    error: row.error,
    size_bytes: row.storedBytes ? Number(row.storedBytes) : null,
  };
  await recordEvent(tx, { projectId, type: status === 'completed' ? 'backup.completed' : 'backup.failed', data });
  if (row.trigger === 'schedule' && status === 'completed' && (await wantsProof(tx, databaseId)))
    await startVerify(tx, id);
}

async function wantsProof(tx: Tx, databaseId: string): Promise<boolean> {
  const schedule = await tx.backupSchedule.findUnique({ where: { databaseId } });
  if (!schedule?.verify) return false;
  const [{ recent }] = await tx.$queryRaw<[{ recent: boolean }]>`
    SELECT EXISTS (SELECT 1 FROM backups WHERE database_id = ${databaseId}::uuid
      AND verified_at > clock_timestamp() - make_interval(hours => ${PROVE_EVERY_HOURS})) AS recent`;
  return !recent;
}

async function planProof(tx: Tx, run: RunRef): Promise<Plan> {
  const { databaseId, id } = await tx.backup.findUniqueOrThrow({ where: { id: run.subjectId } });
  return planVerify(id, temporary(databaseId, 'verify', run));
}

async function proven(tx: Tx, run: RunRef, outcome: Outcome, failure: RunFailure | null): Promise<void> {
  const data =
    outcome === 'succeeded'
      ? { verifiedAt: await databaseTime(tx), verifyError: null }
      : { verifyError: failure?.message ?? 'Unknown failure.' };
  const { id, projectId, databaseId } = await tx.backup.update({ where: { id: run.subjectId }, data });
  const after = { database_id: databaseId, outcome };
  await recordAudit(tx, null, { resource: 'backup', resourceId: id, action: 'verified', projectId, after });
}

async function planRestore(tx: Tx, run: RunRef): Promise<Plan> {
  const restore = await tx.restore.findUniqueOrThrow({ where: { id: run.subjectId }, include: { database: true } });
  const { database, backupId } = restore;
  const target = targetOf(database);
  if (restore.mode === 'new') return planRestoreNew(backupId, target);
  const safety = restore.safetyId;
  const made = temporary(database.id, 'restore', run);
  return planRestoreInPlace({ backup: backupId, safety, temporary: made, from: database.volumeId, target });
}

/** The safety backup of an in-place restore, when there is something to back up. */
export async function safetyBackup(tx: Tx, database: DatabaseRow): Promise<string | null> {
  if (database.status !== 'running') return null;
  const row = await insertBackup(tx, { database, trigger: 'safety', targetId: null });
  return row.id;
}

function temporary(database: string, purpose: string, run: RunRef): Temporary {
  return { database, name: `${purpose}-${run.id}`, volume: randomUUID() };
}

function targetOf(row: DatabaseRow): Target {
  return { database: row.id, project: row.projectId, name: containerName(row), grace: engineOf(row.type).graceSeconds };
}
