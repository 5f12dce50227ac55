/** Starts backups that are due, and removes those that are kept no longer: each minute, and at once when somebody has deleted one. */
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { BACKUPS_CHANGED, BackupSchedules, BackupSweeper } from '#features/backups/index.js';
import { Bus } from '#platform/bus.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { isDatabaseDown } from '#platform/prisma/prisma.service.js';

const EVERY_MS = 60_000;

@Injectable()
export class BackupsClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly schedules: BackupSchedules,
    private readonly sweeper: BackupSweeper,
    private readonly bus: Bus,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.running = this.run();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.round().catch((err) => isDatabaseDown(err) || this.log.warn({ err }, 'backups clock'));
      await this.bus.next(BACKUPS_CHANGED, EVERY_MS, signal);
    }
  }

  private async round(): Promise<void> {
    await this.schedules.tick();
    const swept = await this.sweeper.round();
    if (Object.values(swept).some((count) => count > 0)) this.log.info(swept, 'backups within their retention');
  }
}
