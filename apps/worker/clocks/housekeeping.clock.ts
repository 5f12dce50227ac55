/**
 * Keeps what grows within its bounds. Rows and partitions: each hour. Images and build cache: each hour, and at once when the disk falls
 * below its watermark, which is looked at each minute (one system call) and whenever a build is refused for it.
 */
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DISK_LOW, type DiskGuard } from '#drivers/disk/disk-guard.js';
import { DISK_GUARD } from '#drivers/tokens.js';
import { DatabaseReconciler } from '#features/databases/index.js';
import { BuildCache, History, ImageCollector, Partitions } from '#features/housekeeping/index.js';
import { Bus } from '#platform/bus.js';
import { AppError } from '#platform/errors.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { isDatabaseDown } from '#platform/prisma/prisma.service.js';
import { Ticker } from '#platform/ticker.js';

const ROWS_EVERY_MS = 3_600_000;
const DISK_LOOK_MS = 60_000;
const IMAGES_EVERY_MS = 3_600_000;
/** On a disk that stays low, collecting again at once would find the same. */
const LOW_AGAIN_MS = 300_000;

@Injectable()
export class RowsClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly ticker: Ticker;

  constructor(
    private readonly partitions: Partitions,
    private readonly history: History,
    private readonly databases: DatabaseReconciler,
    @Inject(LOGGER) private readonly log: Logger,
  ) {
    this.ticker = new Ticker(
      ROWS_EVERY_MS,
      () => this.round(),
      (err) => isDatabaseDown(err) || log.warn({ err }, 'rows clock'),
    );
  }

  onApplicationBootstrap(): void {
    this.ticker.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.ticker.stop();
  }

  private async round(): Promise<void> {
    const partitions = await this.partitions.keep();
    const history = await this.history.keep();
    const purged = await this.databases.sweep();
    this.log.info({ ...partitions, ...history, purged_databases: purged.length }, 'rows within their retention');
  }
}

@Injectable()
export class ImagesClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private collectedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly images: ImageCollector,
    private readonly cache: BuildCache,
    @Inject(DISK_GUARD) private readonly disk: DiskGuard,
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
      await this.bus.next(DISK_LOW, DISK_LOOK_MS, signal);
      if (!signal.aborted) await this.round().catch((error) => this.report(error));
    }
  }

  private async round(): Promise<void> {
    const low = await this.disk.low();
    const age = performance.now() - this.collectedAt;
    if (age < (low.length > 0 ? LOW_AGAIN_MS : IMAGES_EVERY_MS)) return;
    this.collectedAt = performance.now();
    if (low.length > 0) this.log.warn({ disks: low }, 'the disk is low: builds are refused, images are collected');
    const images = await this.images.collect();
    this.log.info({ ...images, cacheBytesFreed: await this.cache.keep() }, 'images within their budget');
  }

  private report(error: unknown): void {
    const expected = isDatabaseDown(error) || (error instanceof AppError && error.transient);
    if (!expected) this.log.warn({ err: error }, 'images clock');
  }
}
