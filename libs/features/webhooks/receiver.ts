/**
 * A delivery arrives: read as bytes, proven, stored, answered. All else is done later by the worker, so that the sender, which waits at most
 * 5 to 10 seconds, is answered within milliseconds.
 */
import { createHash, randomUUID } from 'node:crypto';
import { Inject, Injectable, Optional } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { DeliveryReceipt } from '#contracts/webhooks.js';
import { Bus } from '#platform/bus.js';
import { Invalid, Unauthenticated } from '#platform/errors.js';
import { notFound, readRawBody } from '#platform/http/index.js';
import { databaseTime, PrismaService } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import type { Envelope, GitEvent } from './git-event.js';
import { type HookRow, validSecrets } from './hook-secrets.js';
import { servicesOf } from './hooked-services.js';
import { isProven } from './proof.js';
import { NO_PREVIEWS, PULL_REQUESTS, type PullRequestHandler } from './pull-requests.js';
import { notForUs } from './relevance.js';
import { envelopeOf, eventOf } from './senders/index.js';
import { DELIVERIES_TOPIC } from './topics.js';

/** 200: nothing follows. 202: stored, the worker goes on. */
export interface Received {
  status: 200 | 202;
  receipt: DeliveryReceipt;
}

@Injectable()
export class Receiver {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly bus: Bus,
    @Optional() @Inject(PULL_REQUESTS) private readonly pulls: PullRequestHandler = NO_PREVIEWS,
  ) {}

  /**
   * The body is only read of who knows a hook's address.
   * @throws NotFound `webhook_not_found`; Unauthenticated `webhook_not_proven`; Invalid `webhook_sender_unknown`, `invalid_json`.
   */
  async receive(hookId: string, request: FastifyRequest): Promise<Received> {
    const [hook, now] = await Promise.all([
      this.db.gitHook.findUnique({ where: { id: hookId } }),
      databaseTime(this.db),
    ]);
    if (!hook) throw notFound('webhook');
    const envelope = envelopeOf(request.headers);
    const body = await readRawBody(request);
    if (!isProven(envelope.proof, body, validSecrets(this.box, hook, now))) throw notProven(envelope);
    const event = eventOf(envelope, parsedBody(body, request.headers['content-type']));
    return this.keep(hook, envelope, event, createHash('sha256').update(body).digest());
  }

  private async keep(hook: HookRow, envelope: Envelope, event: GitEvent, bodySha256: Buffer): Promise<Received> {
    const reason = notForUs(event, hook.repository, await servicesOf(this.db, hook), this.pulls);
    const id = await this.insert(hook.id, envelope, event, bodySha256, reason);
    if (!id) return { status: 200, receipt: { message: 'already received', delivery_id: null } };
    if (reason) return { status: 200, receipt: { message: reason, delivery_id: id } };
    this.bus.publish(DELIVERIES_TOPIC);
    return { status: 202, receipt: { message: 'accepted', delivery_id: id } };
  }

  /** One that failed here may be sent again. @returns null when it is here already. */
  private async insert(
    hookId: string,
    { sender, event, deliveryId }: Envelope,
    payload: GitEvent,
    bodySha256: Buffer,
    reason: string | null,
  ): Promise<string | null> {
    const status = reason ? 'ignored' : 'received';
    const [row] = await this.db.$queryRaw<{ id: string }[]>`
      INSERT INTO webhook_deliveries AS d (id, hook_id, delivery_id, body_sha256, sender, event, payload, status, reason, completed_at)
      VALUES (${randomUUID()}::uuid, ${hookId}::uuid, ${deliveryId ?? bodySha256.toString('hex')}, ${bodySha256}, ${sender},
        ${event}, ${JSON.stringify(payload)}::jsonb, ${status}, ${reason}, CASE WHEN ${reason}::text IS NULL THEN NULL ELSE clock_timestamp() END)
      ON CONFLICT (hook_id, delivery_id, body_sha256) DO UPDATE
        SET status = excluded.status, reason = excluded.reason, attempts = 0, next_at = clock_timestamp(), completed_at = excluded.completed_at
        WHERE d.status = 'failed'
      RETURNING id`;
    return row?.id ?? null;
  }
}

function notProven({ proof, sender }: Envelope): Unauthenticated {
  const what = sender === 'gitlab' ? 'secret token' : 'signature';
  const why = proof
    ? `The ${what} is wrong: give the webhook the secret that this service shows when it is rotated.`
    : `The delivery has no ${what}: set the secret in the settings of the webhook.`;
  return new Unauthenticated('webhook_not_proven', why);
}

/** GitHub and Gitea can wrap the JSON in a form. @throws Invalid `invalid_json`. */
function parsedBody(body: Buffer, contentType = ''): unknown {
  const text = body.toString('utf8');
  try {
    return JSON.parse(contentType.includes('json') ? text : (new URLSearchParams(text).get('payload') ?? ''));
  } catch (cause) {
    throw new Invalid(
      'invalid_json',
      'The body is not valid JSON: set the content type of the webhook to application/json.',
      {
        cause,
      },
    );
  }
}
