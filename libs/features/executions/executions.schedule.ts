/**
 * Turns due cron services into executions. Each due time becomes one row, whichever worker sees it first; times that passed while nobody
 * looked are made up for by one execution.
 */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { executionLock, nextRun } from '#features/services/index.js';
import { databaseTime, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { RunQueue } from '#workflows/run-queue.js';
import { createRun } from '#workflows/runs.queries.js';

/** The workflow's name. */
export const EXECUTION = 'execution';
const AT_ONCE = 50;

interface Due {
  id: string;
  schedule: string;
  time_zone: string | null;
  next_run_at: Date;
  live_deployment_id: string | null;
  desired_state: string;
}

export type ExecutionTrigger = 'schedule' | 'manual';

@Injectable()
export class ExecutionSchedule {
  constructor(
    private readonly db: PrismaService,
    private readonly queue: RunQueue,
  ) {}

  /** @returns how many services were due. */
  async tick(): Promise<number> {
    const { due, runs } = await this.db.$transaction(async (tx) => {
      const rows = await tx.$queryRaw<Due[]>`
        SELECT id, schedule, time_zone, next_run_at, live_deployment_id, desired_state FROM services
        WHERE next_run_at <= clock_timestamp() AND deleted_at IS NULL AND schedule IS NOT NULL
        ORDER BY next_run_at LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED`;
      const started: string[] = [];
      for (const row of rows) started.push(...(await this.start(tx, row)));
      return { due: rows.length, runs: started };
    });
    for (const run of runs) this.queue.nudge(run);
    return due;
  }

  private async start(tx: Tx, service: Due): Promise<string[]> {
    await tx.service.update({
      where: { id: service.id },
      data: { nextRunAt: nextRun(service.schedule, service.time_zone, await databaseTime(tx)) },
    });
    if (!service.live_deployment_id || service.desired_state !== 'running') return [];
    const run = await startExecution(tx, {
      serviceId: service.id,
      deploymentId: service.live_deployment_id,
      trigger: 'schedule',
      scheduledFor: service.next_run_at,
    });
    return run ? [run] : [];
  }
}

export interface NewExecution {
  serviceId: string;
  deploymentId: string;
  trigger: ExecutionTrigger;
  scheduledFor: Date;
}

/** @returns the id of the run to nudge; null when it is skipped, because the one before still runs, or was recorded before. */
export async function startExecution(tx: Tx, wanted: NewExecution): Promise<string | null> {
  const id = randomUUID();
  const overlaps =
    (await tx.execution.count({ where: { serviceId: wanted.serviceId, status: { in: ['pending', 'running'] } } })) > 0;
  const skipped = overlaps
    ? {
        status: 'skipped',
        completedAt: await databaseTime(tx),
        error: 'Skipped: the execution before it was still running.',
      }
    : {};
  const { count } = await tx.execution.createMany({ data: [{ id, ...wanted, ...skipped }], skipDuplicates: true });
  if (overlaps || count === 0) return null;
  const runId = randomUUID();
  const lockKey = executionLock(wanted.serviceId);
  // One that could not clean up must not end the schedule: what it left goes with the service.
  await tx.run.updateMany({ where: { lockKey, status: 'stuck' }, data: { status: 'failed' } });
  await createRun(tx, { id: runId, workflow: EXECUTION, subjectId: id, lockKey });
  return runId;
}
