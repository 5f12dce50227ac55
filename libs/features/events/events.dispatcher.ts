/**
 * Hands committed events to those who wait for them, each once: what a consumer writes and the mark "dispatched" are one transaction.
 * Several workers share the work (SKIP LOCKED); the order of two events is not promised.
 */
import { Injectable } from '@nestjs/common';
import { PrismaService, type Tx } from '#platform/prisma/prisma.service.js';

export interface DispatchedEvent {
  id: string;
  projectId: string;
  type: string;
  data: Record<string, unknown>;
}

/** Only rows: nothing outside PostgreSQL, and no locks that others hold for long. */
export type EventConsumer = (tx: Tx, events: DispatchedEvent[]) => Promise<void>;

const BATCH = 200;

@Injectable()
export class EventDispatcher {
  private readonly consumers: EventConsumer[] = [];

  constructor(private readonly db: PrismaService) {}

  /** While the worker starts: an event is handed to those who are there. */
  subscribe(consumer: EventConsumer): void {
    this.consumers.push(consumer);
  }

  /** Until nothing waits. @returns how many events were handed on. */
  async round(): Promise<number> {
    let all = 0;
    while (await this.waiting()) {
      const count = await this.db.$transaction((tx) => this.batch(tx));
      if (count === 0) break; // another worker has them
      all += count;
    }
    return all;
  }

  /** One look at a partial index: that is all it costs when nothing happens. */
  private async waiting(): Promise<boolean> {
    const [row] = await this.db.$queryRaw<[{ waiting: boolean }]>`
      SELECT EXISTS (SELECT 1 FROM events WHERE dispatched_at IS NULL) AS waiting`;
    return row.waiting;
  }

  private async batch(tx: Tx): Promise<number> {
    const events = await tx.$queryRaw<DispatchedEvent[]>`
      SELECT id, project_id AS "projectId", type, data FROM events WHERE dispatched_at IS NULL
      ORDER BY seq LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`;
    if (events.length === 0) return 0;
    for (const consume of this.consumers) await consume(tx, events);
    const ids = events.map(({ id }) => id);
    await tx.$executeRaw`UPDATE events SET dispatched_at = clock_timestamp() WHERE id = ANY(${ids}::uuid[])`;
    return events.length;
  }
}
