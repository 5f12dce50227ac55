/**
 * Runs, queue and deployments, from the tables: what every worker did, whichever process is asked. Several API processes tell the same
 * numbers, so aggregate them with `max`, not with `sum`.
 */
import { Gauge, Histogram, type Registry } from 'prom-client';
import type { PrismaService } from '#platform/prisma/prisma.service.js';
import { type FinishedWork, finishedBetween, openRuns } from './run-metrics.queries.js';

/** Seconds; a deployment of a known image takes about one, a build minutes. */
const BUCKETS = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];
/** What ended less than this ago may not be committed yet, and the clocks of workers differ. */
const SETTLE_MS = 5_000;
/** Further back than this nobody waits for a first scrape. */
const LOOK_BACK_MS = 24 * 3_600_000;

export class RunMetrics {
  private readonly open: Gauge<'workflow' | 'state'>;
  private readonly queue: Gauge;
  private readonly oldest: Gauge;
  private readonly runs: Histogram<'workflow' | 'outcome'>;
  private readonly deployments: Histogram<'outcome'>;
  private readonly steps: Histogram<'kind' | 'outcome'>;

  /** @param counted until when finished work has been counted: the process' start, as for every counter. */
  constructor(
    registry: Registry,
    private readonly db: PrismaService,
    private counted = new Date(),
  ) {
    const registers = [registry];
    const histogram = <L extends string>(name: string, help: string, labelNames: L[]) =>
      new Histogram({ name, help, labelNames, buckets: BUCKETS, registers });
    const states = ['workflow', 'state'] as const;
    this.open = new Gauge({ name: 'containr_runs', help: 'Runs that have not ended.', labelNames: states, registers });
    this.queue = new Gauge({ name: 'containr_queue_length', help: 'Runs that wait for a worker.', registers });
    this.oldest = new Gauge({
      name: 'containr_queue_oldest_seconds',
      help: 'Age of the one that waits longest.',
      registers,
    });
    this.runs = histogram('containr_run_duration_seconds', 'Ended runs, from their request on.', [
      'workflow',
      'outcome',
    ]);
    const deployments = 'Ended deployments, from the request until the new release was live or had failed.';
    this.deployments = histogram('containr_deployment_duration_seconds', deployments, ['outcome']);
    this.steps = histogram('containr_step_duration_seconds', 'Steps of ended runs.', ['kind', 'outcome']);
  }

  /** To be called once at a time, before the registry is read. */
  async collect(now = new Date()): Promise<void> {
    const until = new Date(now.getTime() - SETTLE_MS);
    const from = new Date(Math.max(this.counted.getTime(), until.getTime() - LOOK_BACK_MS));
    const finished = from < until ? await finishedBetween(this.db, from, until) : null;
    const open = await openRuns(this.db);
    if (finished) this.count(finished, until);
    this.show(open);
  }

  private count({ runs, deployments, steps }: FinishedWork, until: Date): void {
    for (const { workflow, outcome, seconds } of runs) this.runs.observe({ workflow, outcome }, seconds);
    for (const { outcome, seconds } of deployments) this.deployments.observe({ outcome }, seconds);
    for (const { kind, outcome, seconds } of steps) this.steps.observe({ kind, outcome }, seconds);
    this.counted = until;
  }

  private show(open: Awaited<ReturnType<typeof openRuns>>): void {
    this.open.reset();
    for (const { workflow, state, runs } of open) this.open.set({ workflow, state }, runs);
    const queued = open.filter(({ state }) => state === 'queued');
    this.queue.set(queued.reduce((sum, { runs }) => sum + runs, 0));
    this.oldest.set(Math.max(0, ...queued.map(({ oldest }) => oldest)));
  }
}
