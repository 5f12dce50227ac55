/** The worker process: executes runs, reconciles, starts cron executions. Any number may run side by side. */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { parseConfig } from '#platform/config.js';
import { createLogger, NestLogger } from '#platform/logger.js';
import { startedUp } from '#platform/memory.js';
import { stopOnSignals } from '#platform/stop.js';
import { workerModule } from './worker.module.js';

const config = parseConfig();
const logger = createLogger(config, 'worker');
const app = await NestFactory.createApplicationContext(workerModule({ name: 'worker', config, logger }), {
  logger: new NestLogger(logger),
  abortOnError: false,
});
stopOnSignals(() => app.close(), logger);
logger.info({ concurrency: config.CONTAINR_WORKER_CONCURRENCY }, 'The worker is ready');
startedUp();
// Tells a parent process, if there is one, that start-up is over.
process.send?.('ready');
