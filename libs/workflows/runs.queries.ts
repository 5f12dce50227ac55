/**
 * Everything the engine writes. A run is owned through a lease and a fencing number (`attempt`): each write of a worker first locks the
 * run's row and checks the number, so a worker that was paused and replaced changes nothing when it wakes up.
 * Times are the database's: workers' clocks may differ. A lease far in the future counts as expired, because only a clock that was set
 * back can leave one.
 */
import { databaseTime, type Prisma, type Tx } from '#platform/prisma/prisma.service.js';
import type { JsonObject, Outcome, Plan, RunStatus, StepStatus } from './plan.js';
import type { RunFailure, RunRef } from './workflow.js';

/** Seconds a lease lasts; renewed every second. A dead worker's run is taken over after at most this time plus one sweep. */
export const LEASE_SECONDS = 6;

export interface NewRun {
  id: string;
  workflow: string;
  subjectId: string;
  lockKey: string;
}

export interface ClaimedRun extends RunRef {
  status: 'running' | 'undoing';
  cancelRequested: boolean;
  failure: RunFailure | null;
}

export interface StoredStep {
  position: number;
  kind: string;
  params: JsonObject;
  status: StepStatus;
  output: JsonObject | null;
}

/** Thrown when another worker has taken the run over: stop without writing. */
export class LeaseLost extends Error {}

/** Queues a run. Its plan is made when it is claimed, because what it starts from depends on the runs before it in the line. */
export async function createRun(tx: Tx, run: NewRun): Promise<void> {
  const { id, workflow, subjectId, lockKey } = run;
  await tx.$executeRaw`
    INSERT INTO runs (id, workflow, subject_id, lock_key, created_at)
    VALUES (${id}::uuid, ${workflow}, ${subjectId}::uuid, ${lockKey}, clock_timestamp())`;
}

export async function storePlan(tx: Tx, run: RunRef, plan: Plan): Promise<StoredStep[]> {
  const steps = plan.map(({ kind, params }, position) => ({ position, kind, params }));
  await tx.runStep.createMany({ data: steps.map((step) => ({ runId: run.id, ...step })) });
  return steps.map((step) => ({ ...step, status: 'pending', output: null }));
}

/**
 * Takes the oldest run that may run now: a queued one whose lock key is free and that is first in its line, or one whose worker died.
 * Null when there is none.
 */
export async function claimRun(db: Tx, workflows: string[], owner: string): Promise<ClaimedRun | null> {
  const rows = await db.$queryRaw<Record<string, unknown>[]>`
    UPDATE runs SET
      status = CASE status WHEN 'queued' THEN 'running' ELSE status END,
      attempt = attempt + 1,
      lease_owner = ${owner},
      lease_until = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS}),
      started_at = coalesce(started_at, clock_timestamp())
    WHERE id = (
      SELECT c.id FROM runs c
      WHERE c.workflow = ANY(${workflows}) AND c.status IN ('queued', 'running', 'undoing') AND (
        (c.status <> 'queued' AND (c.lease_until < clock_timestamp() OR c.lease_until > clock_timestamp() + make_interval(secs => ${LEASE_SECONDS * 2})))
        OR (c.status = 'queued'
          AND NOT EXISTS (SELECT 1 FROM runs a WHERE a.lock_key = c.lock_key AND a.status IN ('running', 'undoing', 'stuck'))
          AND NOT EXISTS (SELECT 1 FROM runs q WHERE q.lock_key = c.lock_key AND q.status = 'queued' AND q.seq < c.seq)))
      ORDER BY c.seq
      LIMIT 1
      FOR UPDATE SKIP LOCKED)
    RETURNING id, workflow, subject_id, lock_key, attempt, status, cancel_requested_at, error, error_code`;
  return rows[0] ? claimedRun(rows[0]) : null;
}

function claimedRun(row: Record<string, unknown>): ClaimedRun {
  return {
    id: row.id as string,
    workflow: row.workflow as string,
    subjectId: row.subject_id as string,
    lockKey: row.lock_key as string,
    attempt: row.attempt as number,
    status: row.status as 'running' | 'undoing',
    cancelRequested: row.cancel_requested_at !== null,
    failure: row.error_code ? { code: row.error_code as string, message: (row.error as string) ?? '' } : null,
  };
}

export async function loadSteps(db: Tx, runId: string): Promise<StoredStep[]> {
  const rows = await db.runStep.findMany({ where: { runId }, orderBy: { position: 'asc' } });
  return rows.map((row) => ({
    position: row.position,
    kind: row.kind,
    params: row.params as JsonObject,
    status: row.status as StepStatus,
    output: row.output as JsonObject | null,
  }));
}

/** Prolongs the lease. @returns whether a cancel was asked for. @throws LeaseLost */
export async function renewLease(db: Tx, run: RunRef): Promise<boolean> {
  const rows = await db.$queryRaw<{ cancel: boolean }[]>`
    UPDATE runs SET lease_until = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS})
    WHERE id = ${run.id}::uuid AND attempt = ${run.attempt} AND status IN ('running', 'undoing')
    RETURNING cancel_requested_at IS NOT NULL AS cancel`;
  if (!rows[0]) throw new LeaseLost();
  return rows[0].cancel;
}

/** Gives the lease back so that another worker goes on at once. */
export async function releaseLease(db: Tx, run: RunRef): Promise<void> {
  await db.$executeRaw`
    UPDATE runs SET lease_until = clock_timestamp()
    WHERE id = ${run.id}::uuid AND attempt = ${run.attempt} AND status IN ('running', 'undoing')`;
}

/** Locks the run for the rest of the transaction. @throws LeaseLost when it is no longer ours. */
export async function fence(tx: Tx, run: RunRef): Promise<void> {
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM runs WHERE id = ${run.id}::uuid AND attempt = ${run.attempt} AND status IN ('running', 'undoing') FOR UPDATE`;
  if (rows.length === 0) throw new LeaseLost();
}

/**
 * One step is done and the next begins, in the statement that also checks that the run is still ours: most of what a run writes is this.
 * @param next position of the step that begins; null: none yet
 * @throws LeaseLost
 */
export async function advance(
  tx: Tx,
  run: RunRef,
  done: { position: number; output: JsonObject },
  next: number | null,
): Promise<void> {
  const rows = await tx.$queryRaw<unknown[]>`
    WITH mine AS (
      SELECT id FROM runs WHERE id = ${run.id}::uuid AND attempt = ${run.attempt} AND status IN ('running', 'undoing') FOR UPDATE),
    ended AS (
      UPDATE run_steps SET status = 'done', output = ${JSON.stringify(done.output)}::jsonb, finished_at = clock_timestamp()
      FROM mine WHERE run_id = mine.id AND position = ${done.position}),
    begun AS (
      UPDATE run_steps SET status = 'running', started_at = clock_timestamp(), finished_at = NULL
      FROM mine WHERE run_id = mine.id AND position = ${next}::int)
    SELECT 1 FROM mine`;
  if (rows.length === 0) throw new LeaseLost();
}

export async function markStep(
  tx: Tx,
  run: RunRef,
  position: number,
  status: StepStatus,
  set: { output?: JsonObject; error?: string } = {},
): Promise<void> {
  const output = set.output ? JSON.stringify(set.output) : null;
  const begins = status === 'running';
  const ends = status === 'done' || status === 'failed';
  await tx.$executeRaw`
    UPDATE run_steps SET
      status = ${status},
      output = coalesce(${output}::jsonb, output),
      error = coalesce(${set.error ?? null}::text, error),
      started_at = CASE WHEN ${begins} THEN clock_timestamp() ELSE started_at END,
      finished_at = CASE WHEN ${begins} THEN NULL WHEN ${ends} THEN clock_timestamp() ELSE finished_at END
    WHERE run_id = ${run.id}::uuid AND position = ${position}`;
}

/** From here on the run goes backwards; why is stored, so that a successor knows it too. */
export async function markUndoing(tx: Tx, run: RunRef, failure: RunFailure, cause: string): Promise<void> {
  await tx.run.update({
    where: { id: run.id },
    data: { status: 'undoing', error: failure.message, errorCode: failure.code, errorCause: cause },
  });
}

export async function endRun(tx: Tx, run: RunRef, outcome: Outcome): Promise<void> {
  await tx.$executeRaw`
    UPDATE runs SET status = ${outcome}, lease_until = NULL, lease_owner = NULL, finished_at = clock_timestamp()
    WHERE id = ${run.id}::uuid`;
}

/** Asks every open run on these lock keys to cancel; queued ones end here. @returns ids of queued runs that were ended. */
export async function cancelRuns(
  tx: Tx,
  where: { id?: string; lockKey?: string },
  endAs: RunStatus = 'cancelled',
): Promise<string[]> {
  const now = await databaseTime(tx);
  const queued = await tx.run.updateManyAndReturn({
    where: { ...where, status: 'queued' },
    data: { status: endAs, finishedAt: now, cancelRequestedAt: now },
    select: { subjectId: true },
  });
  await tx.run.updateMany({
    where: { ...where, status: 'running', cancelRequestedAt: null },
    data: { cancelRequestedAt: now },
  });
  return queued.map((run) => run.subjectId);
}

/** A person's decision about a stuck run: `retry` undoes again, `abandon` ends it as it is. @returns false when it is not stuck. */
export async function resolveStuck(tx: Tx, runId: string, decision: 'retry' | 'abandon'): Promise<boolean> {
  const data: Prisma.RunUpdateManyMutationInput =
    decision === 'retry' ? { status: 'undoing', leaseUntil: new Date(0), finishedAt: null } : { status: 'failed' };
  const { count } = await tx.run.updateMany({ where: { id: runId, status: 'stuck' }, data });
  return count === 1;
}
