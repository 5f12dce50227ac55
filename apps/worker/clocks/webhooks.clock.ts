/**
 * Deliveries of webhooks: at once when one arrives, and every few seconds, which makes up for lost wake-ups and takes over from dead workers
 * (one indexed query). Hooks at git providers: when services change, and each minute (two queries). Pushes that nobody told us about: one query every 30 seconds, git only for what is due.
 */
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DELIVERIES_TOPIC, DeliveryWork, HOOKS_TOPIC, HookKeeper, MissedPushes } from '#features/webhooks/index.js';
import { Bus } from '#platform/bus.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { isDatabaseDown } from '#platform/prisma/prisma.service.js';
import { Ticker } from '#platform/ticker.js';

const DELIVERIES_MS = 3000;
const HOOKS_MS = 60_000;
const PUSHES_MS = 30_000;

/** Works when something happens, and now and then. */
abstract class WokenClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  protected constructor(
    private readonly topic: string,
    private readonly everyMs: number,
    private readonly work: (signal: AbortSignal) => Promise<unknown>,
    private readonly bus: Bus,
    private readonly log: Logger,
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
      // Before the look, so that what arrives during it is not slept over.
      const next = this.bus.next(this.topic, this.everyMs, signal);
      await this.work(signal).catch(
        (err) => signal.aborted || isDatabaseDown(err) || this.log.warn({ err }, `${this.topic} clock`),
      );
      await next;
    }
  }
}

@Injectable()
export class DeliveriesClock extends WokenClock {
  constructor(work: DeliveryWork, bus: Bus, @Inject(LOGGER) log: Logger) {
    super(DELIVERIES_TOPIC, DELIVERIES_MS, (signal) => work.drain(signal), bus, log);
  }
}

@Injectable()
export class HooksClock extends WokenClock {
  constructor(keeper: HookKeeper, bus: Bus, @Inject(LOGGER) log: Logger) {
    super(HOOKS_TOPIC, HOOKS_MS, (signal) => keeper.round(signal), bus, log);
  }
}

@Injectable()
export class PushesClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly stopping = new AbortController();
  private readonly ticker: Ticker;

  constructor(pushes: MissedPushes, @Inject(LOGGER) log: Logger) {
    const { signal } = this.stopping;
    const tick = async () => void (await pushes.round(signal));
    this.ticker = new Ticker(
      PUSHES_MS,
      tick,
      (err) => signal.aborted || isDatabaseDown(err) || log.warn({ err }, 'pushes clock'),
    );
  }

  onApplicationBootstrap(): void {
    this.ticker.start();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.ticker.stop();
  }
}
