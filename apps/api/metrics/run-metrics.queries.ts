/** What the metrics ask of the tables of runs. Each question has an index. */
import type { Tx } from '#platform/prisma/prisma.service.js';

interface OpenRuns {
  workflow: string;
  state: string;
  runs: number;
  /** Seconds since the oldest was asked for. */
  oldest: number;
}

/** Two halves, because each has a partial index of its own: `runs_open_idx` and `runs_one_active_key`. */
export function openRuns(db: Tx): Promise<OpenRuns[]> {
  return db.$queryRaw<OpenRuns[]>`
    SELECT workflow, status AS state, count(*)::int AS runs,
      greatest(0, extract(epoch FROM clock_timestamp() - min(created_at)))::float8 AS oldest
    FROM (
      SELECT workflow, status, created_at FROM runs WHERE status IN ('queued', 'running', 'undoing')
      UNION ALL
      SELECT workflow, status, created_at FROM runs WHERE status = 'stuck' AND status IN ('running', 'undoing', 'stuck')
    ) AS open GROUP BY 1, 2`;
}

interface Finished {
  outcome: string;
  seconds: number;
}

export interface FinishedWork {
  runs: (Finished & { workflow: string })[];
  deployments: Finished[];
  steps: (Finished & { kind: string })[];
}

/** Runs that ended after `from` and not after `until`, with their steps. Runs that never started (superseded in the queue) have none. */
export async function finishedBetween(db: Tx, from: Date, until: Date): Promise<FinishedWork> {
  const runs = await db.$queryRaw<(Finished & { workflow: string; live_seconds: number | null })[]>`
    SELECT r.workflow, r.status AS outcome, greatest(0, extract(epoch FROM r.finished_at - r.created_at))::float8 AS seconds,
      greatest(0, extract(epoch FROM coalesce(d.completed_at, r.finished_at) - d.created_at))::float8 AS live_seconds
    FROM runs r LEFT JOIN deployments d ON d.id = r.subject_id AND r.workflow = 'deployment'
    WHERE r.finished_at > ${from} AND r.finished_at <= ${until}`;
  const steps = await db.$queryRaw<FinishedWork['steps']>`
    SELECT s.kind, s.status AS outcome, greatest(0, extract(epoch FROM s.finished_at - s.started_at))::float8 AS seconds
    FROM runs r JOIN run_steps s ON s.run_id = r.id
    WHERE r.finished_at > ${from} AND r.finished_at <= ${until} AND s.started_at IS NOT NULL AND s.finished_at IS NOT NULL`;
  const deployments = runs.flatMap(({ outcome, live_seconds: seconds }) =>
    seconds === null ? [] : [{ outcome, seconds }],
  );
  return { runs, deployments, steps };
}
