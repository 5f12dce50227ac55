/** Sweeps previews, and asks git providers which pull requests are open: one small query per tick when nobody uses previews. */
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { PreviewKeeper } from '#features/previews/index.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { isDatabaseDown } from '#platform/prisma/prisma.service.js';
import { Ticker } from '#platform/ticker.js';

const EVERY_MS = 30_000;

@Injectable()
export class PreviewsClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly ticker: Ticker;

  constructor(keeper: PreviewKeeper, @Inject(LOGGER) log: Logger) {
    const tick = () => keeper.round();
    this.ticker = new Ticker(EVERY_MS, tick, (err) => isDatabaseDown(err) || log.warn({ err }, 'previews clock'));
  }

  onApplicationBootstrap(): void {
    this.ticker.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.ticker.stop();
  }
}
