/** Queue -> executor. The job only wakes: what to run is asked of PostgreSQL. */
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Worker } from 'bullmq';
import { CONFIG, type Config } from '#platform/config.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { Executor } from '#workflows/executor.js';
import { RUNS_QUEUE } from '#workflows/run-queue.js';

@Injectable()
export class RunsProcessor implements OnModuleInit, OnApplicationShutdown {
  private worker: Worker | null = null;

  constructor(
    private readonly executor: Executor,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  onModuleInit(): void {
    // The worker's connection blocks while it waits, so it must retry without limit.
    const connection = { url: this.config.REDIS_URL, maxRetriesPerRequest: null };
    this.worker = new Worker(RUNS_QUEUE, () => this.wake(), { connection, concurrency: 1 });
    this.worker.on('error', (error) => this.log.debug({ error: error.message }, 'queue connection'));
  }

  async onApplicationShutdown(): Promise<void> {
    // Forced: a job carries nothing, so none needs to be finished; and Redis may be away.
    await this.worker?.close(true);
  }

  /** A full worker keeps the job waiting here and so leaves the next one to another worker. */
  private async wake(): Promise<void> {
    await this.executor.whenFree();
    await this.executor.pump();
  }
}
