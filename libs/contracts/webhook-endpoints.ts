/** Outgoing webhooks: where the events of a project are sent to, and what became of each. */
import { z } from 'zod';
import { multiLine } from './common.js';
import { EVENT_TYPES, eventFilter, TEST_EVENT } from './events.js';

const url = z
  .string()
  .trim()
  .max(2000)
  .regex(/^https?:\/\//i, 'must start with https:// or http://')
  .refine((text) => URL.canParse(text), 'must be a URL')
  .describe('Where events are POSTed to. Private addresses must be allowed by the operator.');
const events = z
  .array(eventFilter)
  .min(1)
  .max(50)
  .describe(`Which events: \`*\`, all of a noun such as \`deployment.*\`, or types: ${EVENT_TYPES.join(', ')}.`);
const description = multiLine(500).describe('What it is for.');
const enabled = z.boolean().describe('False: nothing is sent, and what happens meanwhile is not sent later either.');

export const createWebhookRequest = z
  .object({ url, events: events.default(['*']), description: description.default(''), enabled: enabled.default(true) })
  .meta({ id: 'CreateOutgoingWebhookRequest' });
export type CreateWebhookRequest = z.output<typeof createWebhookRequest>;

export const updateWebhookRequest = z
  .object({
    url: url.optional(),
    events: events.optional(),
    description: description.optional(),
    enabled: enabled.optional(),
  })
  .meta({ id: 'UpdateOutgoingWebhookRequest' });
export type UpdateWebhookRequest = z.output<typeof updateWebhookRequest>;

export const webhook = z
  .object({
    id: z.string(),
    project_id: z.string(),
    url: z.string(),
    description: z.string(),
    events: z.array(z.string()),
    enabled: z.boolean(),
    status: z
      .enum(['active', 'failing', 'paused', 'disabled'])
      .describe(
        '`failing`: the last attempt failed. `paused`: by the platform, after failures over a day; nothing is sent until it is resumed.',
      ),
    notice: z.string().nullable().describe('What is wrong and what to do; null: nothing.'),
    failures: z.int().describe('In a row, over all deliveries.'),
    failing_since: z.iso.datetime().nullable(),
    last_error: z.string().nullable(),
    last_success_at: z.iso.datetime().nullable(),
    paused_at: z.iso.datetime().nullable(),
    previous_secret_until: z.iso
      .datetime()
      .nullable()
      .describe('Until when the secret before the last rotation signs too.'),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'OutgoingWebhook' });
export type WebhookView = z.output<typeof webhook>;
export const webhooksResponse = z.object({ webhooks: z.array(webhook) }).meta({ id: 'OutgoingWebhooksResponse' });

export const webhookWithSecret = z
  .object({
    ...webhook.shape,
    secret: z.string().describe('Signs what is sent. Shown only now.'),
  })
  .meta({ id: 'OutgoingWebhookWithSecret' });
export type WebhookWithSecret = z.output<typeof webhookWithSecret>;

export const rotateWebhookSecretRequest = z
  .object({
    overlap_hours: z
      .number()
      .min(0)
      .max(168)
      .default(24)
      .describe('How long the old secret signs beside the new one; 0: it stops at once.'),
  })
  .default({ overlap_hours: 24 })
  .meta({ id: 'RotateOutgoingWebhookSecretRequest' });
export type RotateWebhookSecretRequest = z.output<typeof rotateWebhookSecretRequest>;

const deliveryStatus = z.enum(['pending', 'succeeded', 'failed']);
const deliveryAttempt = z
  .object({
    at: z.iso.datetime(),
    duration_ms: z.int(),
    status: z.int().nullable().describe('HTTP status of the answer; null: there was none.'),
    error: z.string().nullable(),
  })
  .meta({ id: 'EventDeliveryAttempt' });
export type DeliveryAttempt = z.output<typeof deliveryAttempt>;

export const webhookDelivery = z
  .object({
    id: z.string(),
    webhook_id: z.string(),
    event_id: z.string().describe('Sent as `webhook-id`, the same in every attempt and replay.'),
    event_type: z.string().describe(`One of the types, or \`${TEST_EVENT}\`.`),
    status: deliveryStatus,
    attempt: z.int().describe('Attempts so far.'),
    next_attempt_at: z.iso.datetime().nullable().describe('Null once it has ended.'),
    attempts: z.array(deliveryAttempt).describe('The last ones, oldest first.'),
    error: z.string().nullable(),
    error_code: z.string().nullable(),
    manual: z.boolean().describe('A test or a replay: tried once.'),
    replay_of: z.string().nullable(),
    created_at: z.iso.datetime(),
    completed_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'EventDelivery' });
export type WebhookDeliveryView = z.output<typeof webhookDelivery>;

export const webhookDeliveryDetail = z
  .object({
    ...webhookDelivery.shape,
    request_body: z.string().describe('As it is sent.'),
    response_body: z.string().nullable().describe('Beginning of the last answer.'),
  })
  .meta({ id: 'EventDeliveryDetail' });
export type WebhookDeliveryDetail = z.output<typeof webhookDeliveryDetail>;

export const webhookDeliveryQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20).describe('Newest first, at most this many.'),
  cursor: z.string().max(200).optional().describe('`next_cursor` of the page before.'),
  status: deliveryStatus.optional(),
});
export type WebhookDeliveryQuery = z.output<typeof webhookDeliveryQuery>;
export const webhookDeliveries = z
  .object({ deliveries: z.array(webhookDelivery), next_cursor: z.string().nullable() })
  .meta({ id: 'EventDeliveriesResponse' });
