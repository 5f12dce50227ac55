/** Hands events on and sends webhooks: a look at two small indexes per tick, and at once when a delivery has ended and more may be due. */
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { EventDispatcher } from '#features/events/index.js';
import { DeliverySender } from '#features/webhook-endpoints/index.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { isDatabaseDown } from '#platform/prisma/prisma.service.js';
import { Ticker } from '#platform/ticker.js';

const EVERY_MS = 1500;

@Injectable()
export class EventsClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly ticker: Ticker;

  constructor(
    private readonly events: EventDispatcher,
    private readonly sender: DeliverySender,
    @Inject(LOGGER) private readonly log: Logger,
  ) {
    this.ticker = new Ticker(
      EVERY_MS,
      () => this.round(),
      (error) => this.report(error),
    );
  }

  onApplicationBootstrap(): void {
    this.ticker.start();
  }

  /** Deliveries under way have a deadline of their own that is shorter than that of stopping. */
  async onApplicationShutdown(): Promise<void> {
    await this.ticker.stop();
    await this.sender.idle();
  }

  private async round(): Promise<void> {
    await this.events.round();
    await this.sender.round((error) => {
      if (error) this.report(error);
      this.ticker.nudge();
    });
  }

  private report(err: unknown): void {
    if (!isDatabaseDown(err)) this.log.warn({ err }, 'events clock');
  }
}
