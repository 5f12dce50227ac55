/** Tells git providers what became of deployments: one look at a small index per tick. Apart from webhooks, so that a slow provider delays none. */
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DeploymentReporter } from '#features/deployment-reports/index.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { isDatabaseDown } from '#platform/prisma/prisma.service.js';
import { Ticker } from '#platform/ticker.js';

const EVERY_MS = 2000;

@Injectable()
export class ReportsClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly ticker: Ticker;

  constructor(reporter: DeploymentReporter, @Inject(LOGGER) log: Logger) {
    const tick = async () => void (await reporter.round());
    this.ticker = new Ticker(EVERY_MS, tick, (err) => isDatabaseDown(err) || log.warn({ err }, 'reports clock'));
  }

  onApplicationBootstrap(): void {
    this.ticker.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.ticker.stop();
  }
}
