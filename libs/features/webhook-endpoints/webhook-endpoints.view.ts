/** Rows -> what leaves the process: never a secret. */
import type {
  DeliveryAttempt,
  WebhookDeliveryDetail,
  WebhookDeliveryView,
  WebhookView,
} from '#contracts/webhook-endpoints.js';
import type { Prisma } from '#platform/prisma/prisma.service.js';

export type EndpointRow = Prisma.WebhookEndpointGetPayload<object>;
export type EventRow = Prisma.PlatformEventGetPayload<object>;
export type DeliveryRow = Prisma.EventDeliveryGetPayload<{ include: { event: true } }>;

export function webhookView(row: EndpointRow, now = new Date()): WebhookView {
  const until = row.previousSecretUntil;
  return {
    id: row.id,
    project_id: row.projectId,
    url: row.url,
    description: row.description,
    events: row.events,
    enabled: row.enabled,
    status: statusOf(row),
    notice: noticeOf(row),
    failures: row.failures,
    failing_since: row.failingSince?.toISOString() ?? null,
    last_error: row.lastError,
    last_success_at: row.lastSuccessAt?.toISOString() ?? null,
    paused_at: row.pausedAt?.toISOString() ?? null,
    previous_secret_until: until && until > now ? until.toISOString() : null,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

function statusOf({ enabled, pausedAt, failures }: EndpointRow): WebhookView['status'] {
  if (!enabled) return 'disabled';
  if (pausedAt) return 'paused';
  return failures > 0 ? 'failing' : 'active';
}

function noticeOf(row: EndpointRow): string | null {
  if (!row.enabled || row.failures === 0) return null;
  const failing = `The last ${row.failures} attempts failed, since ${row.failingSince?.toISOString()}. ${row.lastError ?? ''}`;
  if (!row.pausedAt) return failing.trimEnd();
  return `${failing} Nothing is sent until you put the receiver right and resume the webhook; what was missed can be replayed.`;
}

/** What is sent: the same bytes in every attempt. */
export function bodyOf(event: EventRow): string {
  const { id, type, createdAt, projectId, data } = event;
  return JSON.stringify({ id, type, timestamp: createdAt.toISOString(), project_id: projectId, data });
}

export function deliveryView(row: DeliveryRow): WebhookDeliveryView {
  return {
    id: row.id,
    webhook_id: row.endpointId,
    event_id: row.eventId,
    event_type: row.event.type,
    status: row.status as WebhookDeliveryView['status'],
    attempt: row.attempt,
    next_attempt_at: row.status === 'pending' ? row.nextAttemptAt.toISOString() : null,
    attempts: row.attempts as DeliveryAttempt[],
    error: row.error,
    error_code: row.errorCode,
    manual: row.manual,
    replay_of: row.replayOf,
    created_at: row.createdAt.toISOString(),
    completed_at: row.completedAt?.toISOString() ?? null,
  };
}

export function deliveryDetail(row: DeliveryRow): WebhookDeliveryDetail {
  return { ...deliveryView(row), request_body: bodyOf(row.event), response_body: row.response };
}
