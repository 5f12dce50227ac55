/**
 * The nudge: a BullMQ job that says "there is work". It carries the run's id for whoever reads the queue; the worker asks PostgreSQL what
 * to run. A nudge that is lost (Redis down or wiped) is made up for by the worker's clock.
 */
import { InjectQueue } from '@nestjs/bullmq';
import { Inject, Injectable } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { LOGGER, type Logger } from '#platform/logger.js';
import { currentSpan } from '#platform/work-context.js';

export const RUNS_QUEUE = 'runs';

@Injectable()
export class RunQueue {
  constructor(
    @InjectQueue(RUNS_QUEUE) private readonly queue: Queue,
    @Inject(LOGGER) private readonly log: Logger,
  ) {
    // Without a listener a Redis that is down would end the process.
    queue.on('error', (error) => this.log.debug({ error: error.message }, 'queue connection'));
  }

  /** Call after commit. Returns at once and never throws. */
  nudge(runId: string): void {
    currentSpan()?.causes(runId);
    this.queue
      .add('run', { runId }, { removeOnComplete: true, removeOnFail: true })
      .catch((error: Error) =>
        this.log.warn({ run_id: runId, error: error.message }, 'nudge lost; the clock will find the run'),
      );
  }
}
