/** The API process. */
import 'reflect-metadata';
import { setTimeout } from 'node:timers/promises';
import { parseConfig } from '#platform/config.js';
import { createLogger } from '#platform/logger.js';
import { startedUp } from '#platform/memory.js';
import { stopOnSignals } from '#platform/stop.js';
import { createApi } from './create-api.js';
import { Readiness } from './http/health.checks.js';

const config = parseConfig();
const logger = createLogger(config, 'api');
const app = await createApi({ config, logger });
const delayMs = config.CONTAINR_SHUTDOWN_DELAY_SECONDS * 1000;
const close = async () => {
  app.get(Readiness).stop();
  await setTimeout(delayMs);
  await app.close();
};
stopOnSignals(close, logger, delayMs);
await app.listen(config.PORT, config.CONTAINR_BIND);
logger.info({ port: config.PORT, bind: config.CONTAINR_BIND }, 'The API listens');
startedUp();
