/**
 * The shared connection for short commands. It never queues while Redis is away: a command fails at once and its caller decides, because
 * nothing may depend on Redis for its truth. Queues of BullMQ need connections of their own (blocking commands, no retry limit).
 */
import { Redis } from 'ioredis';
import type { Config } from './config.js';
import type { Logger } from './logger.js';

/** Injection token of the shared {@link Redis} connection. */
export const REDIS = Symbol('REDIS');
export type { Redis };

const RECONNECT_MAX_MS = 2_000;

/** Connects in the background, for ever. */
export function createRedis(config: Pick<Config, 'REDIS_URL'>, logger: Logger): Redis {
  const redis = new Redis(config.REDIS_URL, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 2_000,
    retryStrategy: (attempt) => Math.min(attempt * 100, RECONNECT_MAX_MS),
  });
  let reported = false;
  redis.on('ready', () => {
    if (reported) logger.info('Redis is reachable again');
    reported = false;
  });
  redis.on('error', (error: Error) => {
    if (!reported) logger.warn({ err: error }, 'Redis does not answer; trying again in the background');
    reported = true;
  });
  return redis;
}
