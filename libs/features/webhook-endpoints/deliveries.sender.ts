/**
 * Sends what is due: claim, POST, record. At least once: an attempt whose worker died is made again when its lease is over, and whoever
 * receives twice knows it by `webhook-id`. The result is recorded only while the claim is still ours.
 */
import { Injectable } from '@nestjs/common';
import { recordAudit } from '#features/audit/index.js';
import { EgressGuard } from '#platform/egress.js';
import { guardedPost, type PostAnswer } from '#platform/guarded-post.js';
import { type Prisma, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { PRODUCT_VERSION } from '#platform/version.js';
import { endpointDelay, failureOf, mustPause, retryDelay } from './deliveries.plan.js';
import { type Claim, claimDue, endPending, lockEndpoint, seconds } from './deliveries.queries.js';
import { signatureHeaders } from './signature.js';
import { about, secretAad } from './webhook-endpoints.service.js';
import { bodyOf } from './webhook-endpoints.view.js';

/** From the look-up of the name to the answer. */
const DEADLINE_MS = 10_000;
/** Connections of one worker at once. */
const MAX_SENDING = 64;
const KEPT_ATTEMPTS = 20;

type Loaded = Prisma.EventDeliveryGetPayload<{ include: { event: true; endpoint: true } }>;
interface Attempt {
  at: Date;
  durationMs: number;
  answer: PostAnswer;
}

@Injectable()
export class DeliverySender {
  private readonly guard: EgressGuard;
  /** What is under way here, by delivery. */
  private readonly sending = new Map<string, { endpointId: string; end: Promise<void> }>();

  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    guard: EgressGuard,
  ) {
    this.guard = guard.strict();
  }

  /** Starts what is due and fits. @param ended called when one has ended: there may be more. @returns how many were started */
  async round(ended: (error?: unknown) => void): Promise<number> {
    const free = MAX_SENDING - this.sending.size;
    if (free <= 0) return 0;
    const busy = [...new Set([...this.sending.values()].map(({ endpointId }) => endpointId))];
    const claims = await claimDue(this.db, free, busy);
    if (claims.length === 0) return 0;
    const rows = await this.db.eventDelivery.findMany({
      where: { id: { in: claims.map(({ id }) => id) } },
      include: { event: true, endpoint: true },
    });
    for (const row of rows) this.begin(row, claims, ended);
    return rows.length;
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.sending.size > 0) await Promise.all([...this.sending.values()].map(({ end }) => end));
  }

  private begin(row: Loaded, claims: Claim[], ended: (error?: unknown) => void): void {
    const attempt = claims.find(({ id }) => id === row.id)?.attempt ?? row.attempt;
    const end = this.deliver({ ...row, attempt })
      .then(
        () => undefined,
        (error: unknown) => error,
      )
      .then((error) => {
        this.sending.delete(row.id);
        ended(error);
      });
    this.sending.set(row.id, { endpointId: row.endpointId, end });
  }

  private async deliver(row: Loaded): Promise<void> {
    const at = new Date();
    const started = performance.now();
    const body = bodyOf(row.event);
    const headers = { ...this.headers(row, at, body), 'content-type': 'application/json' };
    const answer = await guardedPost(this.guard, { url: row.endpoint.url, headers, body, deadlineMs: DEADLINE_MS });
    const attempt = { at, durationMs: Math.round(performance.now() - started), answer };
    await this.db.$transaction((tx) => record(tx, row, attempt));
  }

  private headers({ event, endpoint, attempt }: Loaded, at: Date, body: string) {
    const open = (sealed: string) => this.box.open(sealed, secretAad(endpoint.id));
    const { previousSecret, previousSecretUntil: until } = endpoint;
    const secrets = [open(endpoint.secret), ...(previousSecret && until && until > at ? [open(previousSecret)] : [])];
    return {
      ...signatureHeaders(event.id, Math.floor(at.getTime() / 1000), body, secrets),
      'webhook-attempt': String(attempt),
      'user-agent': `Containr-Webhooks/${PRODUCT_VERSION}`,
    };
  }
}

/** One transaction. Writes nothing when the endpoint is gone or somebody else has taken the delivery over. */
async function record(tx: Tx, row: Loaded, attempt: Attempt): Promise<void> {
  const endpoint = await lockEndpoint(tx, row.endpointId);
  if (!endpoint) return;
  const failure = failureOf(attempt.answer);
  const delay = failure && !row.manual ? retryDelay(row.attempt, Math.random()) : null;
  const ended = failure === null || delay === null;
  const entry = {
    at: attempt.at.toISOString(),
    duration_ms: attempt.durationMs,
    status: attempt.answer.status,
    error: failure?.message ?? null,
  };
  const attempts = JSON.stringify([...(row.attempts as object[]), entry].slice(-KEPT_ATTEMPTS));
  const count = await tx.$executeRaw`
    UPDATE event_deliveries SET status = ${failure ? (ended ? 'failed' : 'pending') : 'succeeded'}, attempts = ${attempts}::jsonb,
      response = ${attempt.answer.body}, error = ${failure?.message ?? null}, error_code = ${failure?.code ?? null},
      next_attempt_at = clock_timestamp() + ${seconds(delay ?? 0)},
      completed_at = CASE WHEN ${ended} THEN clock_timestamp() END
    WHERE id = ${row.id}::uuid AND attempt = ${row.attempt} AND status = 'pending'`;
  if (count === 0) return;
  if (!failure) await succeeded(tx, row.endpointId);
  else if (!row.manual) await failed(tx, row, endpoint, failure.message);
}

async function succeeded(tx: Tx, endpointId: string): Promise<void> {
  await tx.$executeRaw`
    UPDATE webhook_endpoints SET last_success_at = clock_timestamp(), last_error = NULL,
      failures = CASE WHEN paused_at IS NULL THEN 0 ELSE failures END,
      failing_since = CASE WHEN paused_at IS NULL THEN NULL ELSE failing_since END, retry_at = NULL
    WHERE id = ${endpointId}::uuid`;
}

async function failed(
  tx: Tx,
  row: Loaded,
  before: { failures: number; failingFor: number },
  message: string,
): Promise<void> {
  const failures = before.failures + 1;
  const wait = endpointDelay(failures);
  const pause = row.endpoint.pausedAt === null && mustPause(failures, before.failingFor);
  await tx.$executeRaw`
    UPDATE webhook_endpoints SET failures = ${failures}, failing_since = coalesce(failing_since, clock_timestamp()), last_error = ${message},
      retry_at = CASE WHEN ${wait !== null} THEN clock_timestamp() + ${seconds(wait ?? 0)} END,
      paused_at = CASE WHEN ${pause} THEN coalesce(paused_at, clock_timestamp()) ELSE paused_at END
    WHERE id = ${row.endpointId}::uuid`;
  if (!pause) return;
  await endPending(tx, row.endpointId, 'endpoint_paused', 'The webhook was paused: its receiver failed for a day.');
  await recordAudit(tx, null, { ...about(row.endpoint, 'pause'), after: { failures } });
}
