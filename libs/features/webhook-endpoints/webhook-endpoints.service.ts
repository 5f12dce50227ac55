/** Webhook endpoints of a project. Administrators only: an endpoint takes what happens in the project elsewhere, and its URL may hold a key. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type {
  CreateWebhookRequest,
  UpdateWebhookRequest,
  WebhookView,
  WebhookWithSecret,
} from '#contracts/webhook-endpoints.js';
import { recordAudit } from '#features/audit/index.js';
import { requireProject } from '#features/projects/index.js';
import { EgressGuard } from '#platform/egress.js';
import { Conflict } from '#platform/errors.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { databaseTime, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { endPending, lockEndpoint } from './deliveries.queries.js';
import { newSigningSecret } from './signature.js';
import { type EndpointRow, webhookView } from './webhook-endpoints.view.js';

/** Of a project: each event is sent to each of them. */
const MAX_ENDPOINTS = 20;
const HEALTHY = { failures: 0, failingSince: null, retryAt: null, lastError: null, pausedAt: null };

@Injectable()
export class WebhookEndpointsService {
  private readonly guard: EgressGuard;

  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    guard: EgressGuard,
  ) {
    this.guard = guard.strict();
  }

  async list(caller: Caller, projectId: string): Promise<{ webhooks: WebhookView[] }> {
    await requireProject(this.db, caller, projectId);
    const rows = await this.db.webhookEndpoint.findMany({
      where: { projectId },
      orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    });
    return { webhooks: rows.map((row) => webhookView(row)) };
  }

  async get(caller: Caller, projectId: string, id: string): Promise<WebhookView> {
    return webhookView(await requireEndpoint(this.db, caller, projectId, id));
  }

  /** @throws Invalid `url_refused`, `host_not_found`; Conflict `too_many_webhooks`. */
  async create(caller: Caller, projectId: string, request: CreateWebhookRequest): Promise<WebhookWithSecret> {
    await requireProject(this.db, caller, projectId);
    await this.guard.check(request.url);
    const [id, secret] = [randomUUID(), newSigningSecret()];
    const row = await this.db.$transaction(async (tx) => {
      await requireProject(tx, caller, projectId);
      await requireRoom(tx, projectId);
      const sealed = this.box.seal(secret, secretAad(id));
      const created = await tx.webhookEndpoint.create({ data: { id, projectId, ...request, secret: sealed } });
      await recordAudit(tx, caller, { ...about(created, 'create'), after: audited(created) });
      return created;
    });
    return { ...webhookView(row), secret };
  }

  /** What waits for an endpoint that is switched off is given up. @throws Invalid `url_refused`, `host_not_found`. */
  async update(caller: Caller, projectId: string, id: string, request: UpdateWebhookRequest): Promise<WebhookView> {
    await requireEndpoint(this.db, caller, projectId, id);
    if (request.url) await this.guard.check(request.url);
    return this.changed(caller, projectId, id, 'update', async (tx, before) => {
      const moved = request.url !== undefined && request.url !== before.url;
      const row = await tx.webhookEndpoint.update({ where: { id }, data: { ...request, ...(moved ? HEALTHY : {}) } });
      if (!row.enabled) await endPending(tx, id, 'endpoint_disabled', 'The webhook was switched off.');
      return row;
    });
  }

  async remove(caller: Caller, projectId: string, id: string): Promise<void> {
    await this.db.$transaction(async (tx) => {
      const row = await requireEndpoint(tx, caller, projectId, id);
      await tx.webhookEndpoint.deleteMany({ where: { id } });
      await recordAudit(tx, caller, { ...about(row, 'delete'), before: audited(row) });
    });
  }

  /** Both secrets sign for a while, so that the receiver can change over without losing anything. */
  async rotate(caller: Caller, projectId: string, id: string, overlapHours: number): Promise<WebhookWithSecret> {
    const secret = newSigningSecret();
    const view = await this.changed(caller, projectId, id, 'rotate_secret', async (tx, before) => {
      const until = new Date((await databaseTime(tx)).getTime() + overlapHours * 3_600_000);
      const previous = { previousSecret: before.secret, previousSecretUntil: until };
      const kept = overlapHours > 0 ? previous : { previousSecret: null, previousSecretUntil: null };
      return tx.webhookEndpoint.update({
        where: { id },
        data: { secret: this.box.seal(secret, secretAad(id)), ...kept },
      });
    });
    return { ...view, secret };
  }

  /** After a pause; what was missed meanwhile is replayed one by one. @throws Conflict `webhook_not_paused`. */
  resume(caller: Caller, projectId: string, id: string): Promise<WebhookView> {
    return this.changed(caller, projectId, id, 'resume', async (tx, before) => {
      if (!before.pausedAt && before.failures === 0)
        throw new Conflict('webhook_not_paused', 'The webhook is not paused: there is nothing to resume.');
      return tx.webhookEndpoint.update({ where: { id }, data: HEALTHY });
    });
  }

  private async changed(
    caller: Caller,
    projectId: string,
    id: string,
    action: string,
    change: (tx: Tx, before: EndpointRow) => Promise<EndpointRow>,
  ): Promise<WebhookView> {
    const row = await this.db.$transaction(async (tx) => {
      await lockEndpoint(tx, id);
      const before = await requireEndpoint(tx, caller, projectId, id);
      const after = await change(tx, before);
      await recordAudit(tx, caller, { ...about(after, action), before: audited(before), after: audited(after) });
      return after;
    });
    return webhookView(row);
  }
}

export function secretAad(id: string): string {
  return `webhook:${id}`;
}

/** @throws NotFound `webhook_not_found`, `project_not_found`; Forbidden `role_too_low`. */
export async function requireEndpoint(db: Tx, caller: Caller, projectId: string, id: string): Promise<EndpointRow> {
  await requireProject(db, caller, projectId);
  const row = await db.webhookEndpoint.findFirst({ where: { id, projectId } });
  if (!row) throw notFound('webhook');
  return row;
}

async function requireRoom(tx: Tx, projectId: string): Promise<void> {
  if ((await tx.webhookEndpoint.count({ where: { projectId } })) < MAX_ENDPOINTS) return;
  throw new Conflict('too_many_webhooks', `The project has ${MAX_ENDPOINTS} webhooks: delete those that are not used.`);
}

export function about({ id, projectId }: EndpointRow, action: string) {
  return { resource: 'webhook', resourceId: id, projectId, action };
}

/** The path and query of a URL are often its key: only where it leads is kept. */
function audited({ url, events, enabled, pausedAt }: EndpointRow) {
  return { origin: new URL(url).origin, events, enabled, paused: pausedAt !== null };
}
