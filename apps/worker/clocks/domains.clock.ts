/** Looks again at domains whose DNS did not lead here yet. One small query per tick when there are none. */
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DomainChecks } from '#features/domains/index.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { isDatabaseDown } from '#platform/prisma/prisma.service.js';
import { Ticker } from '#platform/ticker.js';

const EVERY_MS = 60_000;

@Injectable()
export class DomainsClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly ticker: Ticker;

  constructor(checks: DomainChecks, @Inject(LOGGER) log: Logger) {
    const tick = async () => void (await checks.round());
    this.ticker = new Ticker(EVERY_MS, tick, (err) => isDatabaseDown(err) || log.warn({ err }, 'domains clock'));
  }

  onApplicationBootstrap(): void {
    this.ticker.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.ticker.stop();
  }
}
