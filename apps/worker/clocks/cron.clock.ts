/** Starts executions of cron services that are due. One indexed query per tick. */
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { ExecutionSchedule } from '#features/executions/index.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { isDatabaseDown } from '#platform/prisma/prisma.service.js';
import { Ticker } from '#platform/ticker.js';

/** Schedules have a resolution of one minute. */
const EVERY_MS = 2000;

@Injectable()
export class CronClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly ticker: Ticker;

  constructor(schedule: ExecutionSchedule, @Inject(LOGGER) log: Logger) {
    const tick = async () => void (await schedule.tick());
    this.ticker = new Ticker(EVERY_MS, tick, (err) => isDatabaseDown(err) || log.warn({ err }, 'cron clock'));
  }

  onApplicationBootstrap(): void {
    this.ticker.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.ticker.stop();
  }
}
