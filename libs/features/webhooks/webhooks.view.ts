/** Rows -> what leaves the process: never a secret, never the payload. */
import type { DeliveryResult, ServiceWebhookView, WebhookDeliveryView } from '#contracts/webhooks.js';
import type { Prisma } from '#platform/prisma/prisma.service.js';
import type { GitEvent } from './git-event.js';

export type DeliveryRow = Prisma.WebhookDeliveryGetPayload<object>;

/** @param serviceId what became of it for other services is not shown. */
export function deliveryView(row: DeliveryRow, serviceId: string): WebhookDeliveryView {
  const results = row.results as unknown as DeliveryResult[];
  return {
    id: row.id,
    sender: row.sender as WebhookDeliveryView['sender'],
    sender_delivery_id: row.deliveryId,
    event: row.event,
    refs: refsOf(row.payload as unknown as GitEvent),
    status: row.status as WebhookDeliveryView['status'],
    reason: row.reason,
    results: results.filter((result) => result.service_id === serviceId),
    attempts: row.attempts,
    received_at: row.receivedAt.toISOString(),
    completed_at: row.completedAt?.toISOString() ?? null,
  };
}

function refsOf(event: GitEvent): string[] {
  if (event.kind === 'push') return event.changes.slice(0, 20).map(({ ref }) => ref);
  return event.kind === 'pull_request' ? [event.pull.head.ref] : [];
}

export function pollingView(row: Prisma.WatchedRefGetPayload<object> | null): ServiceWebhookView['polling'] {
  if (!row) return null;
  return {
    commit: row.commit,
    checked_at: row.checkedAt?.toISOString() ?? null,
    next_check_at: row.nextCheckAt.toISOString(),
    error: row.error,
  };
}
