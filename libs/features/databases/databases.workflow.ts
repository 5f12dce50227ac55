/** The workflows of a database and what their ends mean. */
import { Injectable } from '@nestjs/common';
import type { DatabaseStatus } from '#contracts/databases.js';
import { engineOf } from '#drivers/engines/index.js';
import { recordAudit } from '#features/audit/index.js';
import { Bus } from '#platform/bus.js';
import type { Tx } from '#platform/prisma/prisma.service.js';
import type { Outcome, Plan } from '#workflows/plan.js';
import type { RunFailure, RunRef, Workflow } from '#workflows/workflow.js';
import { containerName } from './database-containers.js';
import { planDelete, planPurge, planRestart, planStop, planUp, type Target } from './databases.plan.js';
import { dueVolumes } from './databases.queries.js';
import { moveDatabase } from './databases.state.js';
import { planFinalBackup } from './final-backup.js';

/** Brings it up: made, started, healed, or its settings and password taken to an engine that runs. */
export const DATABASE_UP = 'database-up';
export const DATABASE_RESTART = 'database-restart';
export const DATABASE_STOP = 'database-stop';
export const DATABASE_DELETE = 'database-delete';
/** Its subject is the database; removes the data of detached volumes whose time has come, or of a deleted one for good. */
export const DATABASE_PURGE = 'database-purge';

export function databaseTopic(id: string): string {
  return `database:${id}`;
}

@Injectable()
export class DatabaseWorkflows {
  constructor(private readonly bus: Bus) {}

  workflows(): Workflow[] {
    const changed = (run: RunRef) => this.bus.publish(databaseTopic(run.subjectId));
    const of = (name: string, plan: (target: Target) => Plan, end: DatabaseStatus): Workflow => ({
      name,
      plan: async (tx, run) => plan(await targetOf(tx, run)),
      finished: (tx, run, outcome, failure) => finished(tx, run, end, outcome, failure),
      changed,
    });
    return [
      of(DATABASE_UP, planUp, 'running'),
      of(DATABASE_RESTART, planRestart, 'running'),
      of(DATABASE_STOP, planStop, 'stopped'),
      { name: DATABASE_DELETE, plan: planRemoval, finished: removed, changed },
      { name: DATABASE_PURGE, plan: (tx, run) => purgeable(tx, run), finished: purged, changed },
    ];
  }
}

async function targetOf(tx: Tx, run: RunRef): Promise<Target> {
  const row = await tx.database.findUniqueOrThrow({ where: { id: run.subjectId } });
  const grace = engineOf(row.type).graceSeconds;
  return { database: row.id, project: row.projectId, name: containerName(row), grace };
}

async function planRemoval(tx: Tx, run: RunRef): Promise<Plan> {
  return [...(await planFinalBackup(tx, run.subjectId)), ...planDelete(await targetOf(tx, run))];
}

async function purgeable(tx: Tx, run: RunRef): Promise<Plan> {
  return planPurge((await dueVolumes(tx, run.subjectId)).map(({ id }) => id));
}

async function finished(
  tx: Tx,
  run: RunRef,
  end: DatabaseStatus,
  outcome: Outcome,
  failure: RunFailure | null,
): Promise<void> {
  const open = await tx.run.count({ where: { lockKey: run.lockKey, status: 'queued' } });
  if (outcome === 'succeeded') return moveDatabase(tx, run.subjectId, open > 0 ? 'building' : end);
  const unknown = { code: 'internal', message: 'Unknown failure.' };
  return moveDatabase(tx, run.subjectId, 'error', failure ?? unknown);
}

async function removed(tx: Tx, run: RunRef, outcome: Outcome): Promise<void> {
  await audit(tx, run, 'removed', outcome);
  await moveDatabase(tx, run.subjectId, 'stopped');
}

async function purged(tx: Tx, run: RunRef, outcome: Outcome): Promise<void> {
  await audit(tx, run, 'purged', outcome);
}

async function audit(tx: Tx, run: RunRef, action: string, outcome: Outcome): Promise<void> {
  const { id, projectId } = await tx.database.findUniqueOrThrow({ where: { id: run.subjectId } });
  await recordAudit(tx, null, { resource: 'database', resourceId: id, action, projectId, after: { outcome } });
}
