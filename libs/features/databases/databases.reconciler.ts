/** Compares which databases should run with what does; starts a run for each that differs, and for data whose time has come. */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { ContainerRuntime, Workload } from '#drivers/runtime/port.js';
import { RUNTIME } from '#drivers/tokens.js';
import { Installation } from '#platform/installation.js';
import { databaseTime, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { RunQueue } from '#workflows/run-queue.js';
import { createRun } from '#workflows/runs.queries.js';
import { containerName } from './database-containers.js';
import { databaseLock, dueVolumes } from './databases.queries.js';
import { DATABASE_DELETE, DATABASE_PURGE, DATABASE_STOP, DATABASE_UP } from './databases.workflow.js';

interface ExpectedRow {
  id: string;
  alias: string;
  desired_state: string;
  status: string;
  deleted: boolean;
  busy: boolean;
}

@Injectable()
export class DatabaseReconciler {
  constructor(
    private readonly db: PrismaService,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    private readonly installation: Installation,
    private readonly queue: RunQueue,
  ) {}

  /** One round. @returns ids of databases that are being put right now; `again` when some were being changed and must be looked at later. */
  async round(): Promise<{ healed: string[]; again: boolean }> {
    const observedAt = await databaseTime(this.db);
    const workloads = await this.runtime.observe({ installation: await this.installation.id() });
    // Read after the observation: what a run changed in between belongs to a database that is busy or already recorded.
    const rows = await this.expected(observedAt);
    const healed: string[] = [];
    for (const row of rows) {
      const workflow = row.busy ? null : drift(row, workloads);
      if (workflow && (await this.start(row.id, workflow))) healed.push(row.id);
    }
    return { healed, again: rows.some(({ busy }) => busy) };
  }

  /** Data of databases deleted, and of volumes left, longer ago than it is kept. @returns ids of their databases */
  async sweep(): Promise<string[]> {
    const due = new Set((await dueVolumes(this.db)).map(({ databaseId }) => databaseId));
    const started: string[] = [];
    for (const id of due) if (await this.start(id, DATABASE_PURGE)) started.push(id);
    return started;
  }

  /** @returns false when it has an open run already, or was put right again and again just now. */
  private async start(id: string, workflow: string): Promise<boolean> {
    const runId = randomUUID();
    const lockKey = databaseLock(id);
    const created = await this.db.$transaction(async (tx) => {
      // Two workers see the same drift: one of them puts it right.
      await tx.$queryRaw`SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended(${lockKey}, 0))) AS held`;
      const open = await tx.run.count({
        where: { lockKey, status: { in: ['queued', 'running', 'undoing', 'stuck'] } },
      });
      if (open > 0 || (await lately(tx, lockKey))) return false;
      await createRun(tx, { id: runId, workflow, subjectId: id, lockKey });
      return true;
    });
    if (created) this.queue.nudge(runId);
    return created;
  }

  /** Deleted ones too, as long as there is data: their containers must be gone. */
  private expected(observedAt: Date): Promise<ExpectedRow[]> {
    return this.db.$queryRaw<ExpectedRow[]>`
      SELECT d.id, d.alias, d.desired_state, d.status, d.deleted_at IS NOT NULL AS deleted,
        EXISTS (SELECT 1 FROM runs r WHERE r.lock_key = 'database:' || d.id AND r.status IN ('queued', 'running', 'undoing'))
          OR EXISTS (SELECT 1 FROM runs r WHERE r.lock_key = 'database:' || d.id AND r.status = 'stuck')
          OR 'database:' || d.id IN (SELECT r.lock_key FROM runs r WHERE r.finished_at >= ${observedAt}) AS busy
      FROM databases d WHERE d.purged_at IS NULL`;
  }
}

/** Which workflow puts it right; null: nothing to do. Only its own container counts: others may be restoring or proving a backup. */
export function drift(row: Omit<ExpectedRow, 'busy'>, workloads: Workload[]): string | null {
  const name = containerName(row);
  const own = workloads.find((workload) => workload.name === name && workload.labels.role === 'database');
  if (row.deleted) return own ? DATABASE_DELETE : null;
  if (row.desired_state !== 'running') return own ? DATABASE_STOP : null;
  // The engine restarts what crashes; what stands still was stopped by somebody.
  const runs = own?.state === 'running' || own?.state === 'restarting';
  return runs && row.status === 'running' ? null : DATABASE_UP;
}

/** What this does not cure is tried again ever more rarely, so that a database that cannot run does not fill the history. */
async function lately(tx: Tx, lockKey: string): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ lately: boolean }[]>`
    SELECT count(*) >= 3 AND max(created_at) > clock_timestamp() - make_interval(secs => least(300, power(2, count(*)))) AS lately
    FROM runs WHERE lock_key = ${lockKey} AND status = 'failed' AND created_at > clock_timestamp() - interval '10 minutes'`;
  return row?.lately ?? false;
}
