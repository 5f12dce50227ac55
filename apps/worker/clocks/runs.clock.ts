/** Makes up for lost nudges and takes over runs of dead workers. One indexed query per tick. */
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { LOGGER, type Logger } from '#platform/logger.js';
import { Ticker } from '#platform/ticker.js';
import { Executor } from '#workflows/executor.js';

const EVERY_MS = 1500;

@Injectable()
export class RunsClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly ticker: Ticker;

  constructor(executor: Executor, @Inject(LOGGER) log: Logger) {
    this.ticker = new Ticker(
      EVERY_MS,
      () => executor.pump(),
      (err) => log.warn({ err }, 'runs clock'),
    );
  }

  onApplicationBootstrap(): void {
    this.ticker.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.ticker.stop();
  }
}
