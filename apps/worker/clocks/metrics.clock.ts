/** Samples what services use: one look at the engine and at the ingress' log at the end of each interval. */
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DatabaseSampler } from '#features/databases/index.js';
import { MetricsSampler, untilIntervalEnd } from '#features/metrics/index.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { isDatabaseDown } from '#platform/prisma/prisma.service.js';
import { Ticker } from '#platform/ticker.js';

@Injectable()
export class MetricsClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly ticker: Ticker;

  constructor(
    private readonly sampler: MetricsSampler,
    databases: DatabaseSampler,
    @Inject(LOGGER) log: Logger,
  ) {
    const tick = async () => void (await Promise.all([sampler.sample(), databases.sample()]));
    this.ticker = new Ticker(
      untilIntervalEnd,
      tick,
      (err) => isDatabaseDown(err) || log.warn({ err }, 'metrics clock'),
    );
  }

  onApplicationBootstrap(): void {
    this.ticker.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.ticker.stop();
    await this.sampler.close();
  }
}
