/**
 * The worker's slots. Woken by a nudge (BullMQ), by a run that ended, or by the clock; what to run is always asked of PostgreSQL, so a lost
 * nudge costs time, never work.
 */
import { randomUUID } from 'node:crypto';
import { isDatabaseDown, type PrismaService } from '#platform/prisma/prisma.service.js';
import type { Runner, RunnerLog } from './runner.js';
import { claimRun } from './runs.queries.js';
import type { WorkflowRegistry } from './workflow.js';

/** Runs that may wait in one worker beside those that work; each costs a query a second. */
const MOST_IDLE = 100;

export class Executor {
  private readonly owner = randomUUID();
  private readonly shutdown = new AbortController();
  private readonly active = new Set<Promise<void>>();
  /** Of the active runs, those that only wait for others. */
  private idle = 0;
  private waiting: (() => void)[] = [];
  private pumping = false;
  private again = false;

  constructor(
    private readonly db: PrismaService,
    private readonly registry: WorkflowRegistry,
    private readonly runner: Runner,
    private readonly slots: number,
    private readonly log: RunnerLog,
  ) {}

  /** Starts everything that may run now and fits. Cheap when there is nothing. */
  async pump(): Promise<void> {
    this.again = true;
    if (this.pumping) return;
    this.pumping = true;
    try {
      while (this.again) {
        this.again = false;
        while (await this.startOne());
      }
    } finally {
      this.pumping = false;
    }
  }

  /** Resolves when a slot is free: a full worker leaves the next nudge to another one. */
  async whenFree(): Promise<void> {
    while (this.full()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** Aborts what runs without undoing it and hands the leases back. */
  async close(): Promise<void> {
    this.shutdown.abort();
    await Promise.all(this.active);
  }

  private async startOne(): Promise<boolean> {
    if (this.shutdown.signal.aborted || this.full()) return false;
    const run = await this.claim();
    if (!run) return false;
    const work = this.runner
      .execute(run, this.shutdown.signal, (idle) => this.idling(idle))
      .finally(() => {
        this.active.delete(work);
        for (const resolve of this.waiting.splice(0)) resolve();
        void this.pump();
      });
    this.active.add(work);
    return true;
  }

  private full(): boolean {
    return this.active.size - Math.min(this.idle, MOST_IDLE) >= this.slots;
  }

  private idling(idle: boolean): void {
    this.idle += idle ? 1 : -1;
    if (!idle) return;
    for (const resolve of this.waiting.splice(0)) resolve();
    void this.pump();
  }

  private async claim() {
    try {
      return await claimRun(this.db, this.registry.names(), this.owner);
    } catch (error) {
      // 23505: another worker has just started a run with the same lock key.
      if (!isDatabaseDown(error) && !String(error).includes('23505'))
        this.log.error({ err: error }, 'cannot claim a run');
      return null;
    }
  }
}
