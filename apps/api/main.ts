/** The API process. */
import 'reflect-metadata';
import { parseConfig } from '#platform/config.js';
import { collectWhenIdle } from '#platform/idle-memory.js';
import { createLogger } from '#platform/logger.js';
import { stopOnSignals } from '#platform/stop.js';
import { createApi } from './create-api.js';

const config = parseConfig();
const logger = createLogger(config, 'api');
const app = await createApi({ config, logger });
stopOnSignals(() => app.close(), logger);
collectWhenIdle();
await app.listen(config.PORT, config.CONTAINR_BIND);
logger.info({ port: config.PORT, bind: config.CONTAINR_BIND }, 'The API listens');
