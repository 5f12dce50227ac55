/** Inbound webhooks: where a git host reports pushes to, and what became of each delivery. */
import { z } from 'zod';

export const deliveryReceipt = z
  .object({ message: z.string(), delivery_id: z.uuid().nullable() })
  .meta({ id: 'WebhookReceipt' });
export type DeliveryReceipt = z.output<typeof deliveryReceipt>;

export const deliveryResult = z
  .object({
    service_id: z.uuid(),
    ref: z.string(),
    outcome: z.enum(['deployed', 'skipped', 'failed']),
    reason: z.string().nullable(),
    commit: z.string().nullable(),
    deployment_id: z.uuid().nullable(),
  })
  .meta({ id: 'WebhookResult' });
export type DeliveryResult = z.output<typeof deliveryResult>;

export const webhookDelivery = z
  .object({
    id: z.uuid(),
    sender: z.enum(['github', 'gitlab', 'bitbucket', 'gitea']),
    sender_delivery_id: z.string().describe("The sender's own id: its list of deliveries shows the same."),
    event: z.string(),
    refs: z.array(z.string()),
    status: z
      .enum(['received', 'done', 'ignored', 'failed'])
      .describe(
        '`received`: it waits for its turn, or is tried again. `ignored`: nothing in it is for us; `reason` says why.',
      ),
    reason: z.string().nullable(),
    results: z.array(deliveryResult).describe('What became of it for this service.'),
    attempts: z.int(),
    received_at: z.iso.datetime(),
    completed_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'WebhookDelivery' });
export type WebhookDeliveryView = z.output<typeof webhookDelivery>;

export const webhookDeliveriesQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20).describe('Newest first, at most this many.'),
  before: z
    .string()
    .regex(/^\d{1,18}$/)
    .optional()
    .describe('`next` of the page before.'),
});
export const webhookDeliveries = z
  .object({ deliveries: z.array(webhookDelivery), next: z.string().nullable() })
  .meta({ id: 'WebhookDeliveriesResponse' });

export const serviceWebhook = z
  .object({
    repository: z.string().describe('URL of the git repository.'),
    managed: z
      .boolean()
      .describe(
        'True: made, checked and repaired by the platform at the connected git provider. False: pasted there by you.',
      ),
    configured: z.boolean().describe('False: there is none yet; POST makes one, or the platform is about to.'),
    url: z.string().nullable().describe('Where the git host must send its pushes, as JSON.'),
    status: z.enum(['manual', 'pending', 'active', 'failed', 'none']),
    error: z.string().nullable().describe('Why it could not be set up at the provider, and what to do.'),
    error_code: z.string().nullable(),
    previous_secret_until: z.iso.datetime().nullable().describe('Until then the secret before is good, too.'),
    checked_at: z.iso.datetime().nullable(),
    polling: z
      .object({
        commit: z.string().nullable().describe('Newest commit of the branch that was decided about.'),
        checked_at: z.iso.datetime().nullable(),
        next_check_at: z.iso.datetime().nullable(),
        error: z.string().nullable(),
      })
      .nullable()
      .describe('The look at the repository that finds pushes nobody told us about.'),
    last_deliveries: z.array(webhookDelivery),
  })
  .meta({ id: 'ServiceWebhook' });
export type ServiceWebhookView = z.output<typeof serviceWebhook>;

/** How long the secret before stays good when one is rotated. */
export const rotationRequest = z
  .object({
    previous_valid_hours: z
      .int()
      .min(0)
      .max(168)
      .default(24)
      .describe('Hours that the secret before stays good. 0: it ends now.'),
  })
  .optional()
  .meta({ id: 'RotateSecretRequest' });
export type RotationRequest = z.output<typeof rotationRequest>;

export const webhookSecret = z
  .object({
    url: z.string(),
    secret: z.string().nullable().describe('Shown only now. Null: the platform itself has set it at the provider.'),
    previous_secret_until: z.iso.datetime().nullable(),
  })
  .meta({ id: 'WebhookSecret' });
