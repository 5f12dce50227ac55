/** The queue of deliveries is their table: claimed by a time until which nobody else takes them. */
import type { DeliveryResult } from '#contracts/webhooks.js';
import type { Tx } from '#platform/prisma/prisma.service.js';
import type { GitEvent } from './git-event.js';

/** Seconds after which what a dead worker had claimed is taken by another. Working on a batch ends before. */
export const CLAIM_SECONDS = 180;
/** Deliveries of one hook that are worked on together. */
const BATCH = 100;
/** With waits that double from 3 s to 10 minutes: about an hour and a half. */
const MOST_ATTEMPTS = 15;

export interface ClaimedDelivery {
  id: string;
  hookId: string;
  event: GitEvent;
  /** 1 for the first time. */
  attempts: number;
}

/** What waits of the hook that has waited longest; several deliveries of one push need one look at the repository. */
export async function claimDeliveries(db: Tx): Promise<ClaimedDelivery[]> {
  const rows = await db.$queryRaw<{ id: string; hook_id: string; payload: GitEvent; attempts: number; seq: bigint }[]>`
    UPDATE webhook_deliveries SET attempts = attempts + 1, next_at = clock_timestamp() + make_interval(secs => ${CLAIM_SECONDS})
    WHERE id IN (
      SELECT id FROM webhook_deliveries
      WHERE status = 'received' AND next_at <= clock_timestamp() AND hook_id = (
        SELECT hook_id FROM webhook_deliveries WHERE status = 'received' AND next_at <= clock_timestamp() ORDER BY seq LIMIT 1)
      ORDER BY seq LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)
    RETURNING id, hook_id, payload, attempts, seq`;
  return rows
    .sort((a, b) => (a.seq < b.seq ? -1 : 1))
    .map((row) => ({ id: row.id, hookId: row.hook_id, event: row.payload, attempts: row.attempts }));
}

/** `attempts` fences: who was overtaken writes nothing. */
export async function finishDelivery(db: Tx, delivery: ClaimedDelivery, results: DeliveryResult[]): Promise<void> {
  await db.$executeRaw`
    UPDATE webhook_deliveries SET status = 'done', results = ${JSON.stringify(results)}::jsonb, reason = NULL,
      completed_at = clock_timestamp()
    WHERE id = ${delivery.id}::uuid AND status = 'received' AND attempts = ${delivery.attempts}`;
}

/** Later again, or for good as failed. @param results of the services for which it did work */
export async function postponeDelivery(db: Tx, delivery: ClaimedDelivery, reason: string): Promise<void> {
  const last = delivery.attempts >= MOST_ATTEMPTS;
  const seconds = Math.min(600, 3 * 2 ** (delivery.attempts - 1));
  await db.$executeRaw`
    UPDATE webhook_deliveries SET status = ${last ? 'failed' : 'received'}, reason = ${reason},
      next_at = clock_timestamp() + make_interval(secs => ${seconds}),
      completed_at = CASE WHEN ${last} THEN clock_timestamp() END
    WHERE id = ${delivery.id}::uuid AND status = 'received' AND attempts = ${delivery.attempts}`;
}

/** By a person: whatever became of it. @returns false when it is not there. */
export async function repeatDelivery(db: Tx, id: string): Promise<boolean> {
  const count = await db.$executeRaw`
    UPDATE webhook_deliveries SET status = 'received', reason = NULL, attempts = 0, next_at = clock_timestamp(), completed_at = NULL
    WHERE id = ${id}::uuid`;
  return count === 1;
}
