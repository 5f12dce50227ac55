/** The queue for those who start runs (API) and the executor for those who execute them (worker). */
import { BullModule } from '@nestjs/bullmq';
import { Global, Module, type OnApplicationShutdown } from '@nestjs/common';
import { CONFIG, type Config } from '#platform/config.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { TRACING, type Tracing } from '#platform/tracing.js';
import { Executor } from './executor.js';
import { RUNS_QUEUE, RunQueue } from './run-queue.js';
import { Runner } from './runner.js';
import { WorkflowRegistry } from './workflow.js';

const queueConnection = BullModule.forRootAsync({
  inject: [CONFIG],
  // Fail at once while Redis is down instead of keeping nudges in memory.
  useFactory: (config: Config) => ({
    connection: { url: config.REDIS_URL, enableOfflineQueue: false, maxRetriesPerRequest: 1 },
  }),
});

@Global()
@Module({
  imports: [queueConnection, BullModule.registerQueue({ name: RUNS_QUEUE })],
  providers: [RunQueue],
  exports: [RunQueue],
})
export class RunQueueModule {}

@Global()
@Module({
  providers: [
    WorkflowRegistry,
    {
      provide: Runner,
      inject: [PrismaService, WorkflowRegistry, LOGGER, TRACING],
      useFactory: (db: PrismaService, registry: WorkflowRegistry, log: Logger, tracing: Tracing | null) =>
        new Runner(db, registry, log, tracing),
    },
    {
      provide: Executor,
      inject: [PrismaService, WorkflowRegistry, Runner, CONFIG, LOGGER],
      useFactory: (db: PrismaService, registry: WorkflowRegistry, runner: Runner, config: Config, log: Logger) =>
        new Executor(db, registry, runner, config.CONTAINR_WORKER_CONCURRENCY, log),
    },
  ],
  exports: [WorkflowRegistry, Executor],
})
export class ExecutorModule implements OnApplicationShutdown {
  constructor(private readonly executor: Executor) {}

  async onApplicationShutdown(): Promise<void> {
    await this.executor.close();
  }
}
