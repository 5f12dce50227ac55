/**
 * Wakes the reconciler: at once when the engine reports a change, each 10 seconds for the routes (a look at the local ingress), and each
 * 5 minutes for everything. No host is polled in between.
 */
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { ContainerRuntime } from '#drivers/runtime/port.js';
import { RUNTIME } from '#drivers/tokens.js';
import { DatabaseReconciler } from '#features/databases/index.js';
import { Reconciler } from '#features/releases/index.js';
import { AppError } from '#platform/errors.js';
import { Installation } from '#platform/installation.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { isDatabaseDown } from '#platform/prisma/prisma.service.js';
import { Ticker } from '#platform/ticker.js';
import { pause } from '#workflows/attempt.js';

const ROUTES_EVERY_MS = 10_000;
const EVERYTHING_EVERY_MS = 5 * 60_000;
/** A deployment makes several events: one look after the last of them is enough. */
const SETTLE_MS = 1000;

@Injectable()
export class ReconcilerClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly ticker: Ticker;
  private readonly stopping = new AbortController();
  private lookedAt = Number.NEGATIVE_INFINITY;
  private changed = true;
  private settling: NodeJS.Timeout | null = null;

  constructor(
    private readonly reconciler: Reconciler,
    private readonly databases: DatabaseReconciler,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    private readonly installation: Installation,
    @Inject(LOGGER) private readonly log: Logger,
  ) {
    this.ticker = new Ticker(
      ROUTES_EVERY_MS,
      () => this.round(),
      (error) => this.report(error),
    );
  }

  onApplicationBootstrap(): void {
    this.ticker.start();
    void this.listen();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    if (this.settling) clearTimeout(this.settling);
    await this.ticker.stop();
  }

  private async round(): Promise<void> {
    const everything = this.changed || performance.now() - this.lookedAt > EVERYTHING_EVERY_MS;
    const started = performance.now();
    this.changed = false;
    try {
      const { healed, again } = await this.reconciler.round(everything);
      this.changed ||= again;
      if (everything) await this.databaseRound();
      if (everything) this.lookedAt = started;
      if (healed.length > 0) this.log.warn({ services: healed }, 'drift found');
    } catch (error) {
      this.changed ||= everything;
      throw error;
    }
  }

  private async databaseRound(): Promise<void> {
    const { healed, again } = await this.databases.round();
    this.changed ||= again;
    if (healed.length > 0) this.log.warn({ databases: healed }, 'drift found');
  }

  private async listen(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        const owner = { installation: await this.installation.id() };
        for await (const _event of this.runtime.events(owner, signal)) this.look();
      } catch (error) {
        this.report(error);
        await pause(1000, signal).catch(() => undefined); // the loop's head ends it
      }
    }
  }

  private look(): void {
    this.changed = true;
    this.settling ??= setTimeout(() => {
      this.settling = null;
      this.ticker.nudge();
    }, SETTLE_MS);
  }

  /** What does not answer right now is somebody else's alarm; the next round comes anyway. */
  private report(error: unknown): void {
    const expected =
      this.stopping.signal.aborted || isDatabaseDown(error) || (error instanceof AppError && error.transient);
    if (!expected) this.log.warn({ err: error }, 'reconciler');
  }
}
