/** Keeps the public ports of databases as they should be: at once when one is changed, and each 5 seconds, also to take over a port. */
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { PROXIES_TOPIC, PublicProxies } from '#features/databases/index.js';
import { Bus } from '#platform/bus.js';
import { CONFIG, type Config } from '#platform/config.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { isDatabaseDown } from '#platform/prisma/prisma.service.js';

const EVERY_MS = 5_000;

@Injectable()
export class DatabasesClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly proxies: PublicProxies,
    private readonly bus: Bus,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** Without ports there is nothing to do, and nothing is done. */
  onApplicationBootstrap(): void {
    if (this.config.CONTAINR_DATABASE_PORTS) this.running = this.run();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.proxies.close();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.proxies.sync().catch((err) => isDatabaseDown(err) || this.log.warn({ err }, 'databases clock'));
      await this.bus.next(PROXIES_TOPIC, EVERY_MS, signal);
    }
  }
}
