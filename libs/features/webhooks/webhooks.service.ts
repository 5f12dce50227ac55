/** The webhook of a service as its people see it: address, secret, deliveries. */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { ServiceSource } from '#contracts/service-source.js';
import type { RotationRequest, ServiceWebhookView, webhookDeliveriesQuery } from '#contracts/webhooks.js';
import { recordAudit } from '#features/audit/index.js';
import { requireService, type ServiceRow } from '#features/services/index.js';
import { Bus } from '#platform/bus.js';
import { CONFIG, type Config } from '#platform/config.js';
import { Conflict } from '#platform/errors.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { databaseTime, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { repeatDelivery } from './deliveries.queries.js';
import { type HookRow, newHookSecret, rotated } from './hook-secrets.js';
import { hookUrl } from './hook-url.js';
import { repositoryKey } from './repository-key.js';
import { DELIVERIES_TOPIC, HOOKS_TOPIC } from './topics.js';
import { deliveryView, pollingView } from './webhooks.view.js';

const LAST = 10;
const HOUR_MS = 3_600_000;

@Injectable()
export class WebhooksService {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly bus: Bus,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @throws Conflict `no_repository`. */
  async get(caller: Caller, serviceId: string): Promise<ServiceWebhookView> {
    const service = await requireService(this.db, caller, serviceId);
    const source = requireRepository(service);
    const [hook, watched] = await Promise.all([
      findHook(this.db, service),
      this.db.watchedRef.findUnique({ where: { serviceId } }),
    ]);
    const last = hook ? await this.page(hook.id, serviceId, { limit: LAST }) : { deliveries: [] };
    return {
      repository: source.repository,
      managed: source.provider_id !== undefined,
      configured: hook !== null,
      url: hook && this.url(hook.id),
      status: (shownStatus(hook) ?? (source.provider_id ? 'pending' : 'none')) as ServiceWebhookView['status'],
      error: hook?.error ?? null,
      error_code: hook?.errorCode ?? null,
      previous_secret_until: hook?.previousUntil?.toISOString() ?? null,
      checked_at: hook?.checkedAt?.toISOString() ?? null,
      polling: pollingView(watched),
      last_deliveries: last.deliveries,
    };
  }

  /**
   * A new secret; the first time also the hook itself. One that the platform has made at a provider gets it there, and nobody sees it.
   * @throws Conflict `no_repository`.
   */
  async rotate(caller: Caller, serviceId: string, request: RotationRequest) {
    const { hook, secret } = await this.db.$transaction(async (tx) => {
      const service = await requireService(tx, caller, serviceId);
      requireRepository(service);
      const changed = await this.renewed(tx, service, request?.previous_valid_hours ?? 24);
      const after = { repository: changed.hook.repository, previous_secret_until: changed.hook.previousUntil };
      const { projectId } = service;
      const entry = { resource: 'git_hook', resourceId: changed.hook.id, action: 'rotate', projectId, after };
      await recordAudit(tx, caller, entry);
      return changed;
    });
    if (hook.providerId) this.bus.publish(HOOKS_TOPIC);
    return {
      url: this.url(hook.id),
      secret: hook.providerId ? null : secret,
      previous_secret_until: hook.previousUntil?.toISOString() ?? null,
    };
  }

  private async renewed(tx: Tx, service: ServiceRow, hours: number): Promise<{ hook: HookRow; secret: string }> {
    const hook = await findHook(tx, service);
    if (!hook) return this.created(tx, service);
    const { secret, sealed } = newHookSecret(this.box, hook.id);
    const now = await databaseTime(tx);
    const until = hours === 0 ? null : new Date(now.getTime() + hours * HOUR_MS);
    // At a provider it is set by the platform, soon.
    const again = hook.providerId ? { status: 'pending', nextCheckAt: now } : {};
    const data = { ...rotated(hook, sealed, until), ...again };
    return { hook: await tx.gitHook.update({ where: { id: hook.id }, data }), secret };
  }

  private async created(tx: Tx, service: ServiceRow): Promise<{ hook: HookRow; secret: string }> {
    const { repository, provider_id: providerId } = requireRepository(service);
    const id = randomUUID();
    const { secret, sealed } = newHookSecret(this.box, id);
    const owner = providerId
      ? { providerId, status: 'pending', nextCheckAt: await databaseTime(tx) }
      : { projectId: service.projectId, status: 'manual' };
    const data = { id, repository: repositoryKey(repository), url: repository, secret: sealed, ...owner };
    return { hook: await tx.gitHook.create({ data }), secret };
  }

  async deliveries(caller: Caller, serviceId: string, query: z.output<typeof webhookDeliveriesQuery>) {
    const hook = await findHook(this.db, await requireService(this.db, caller, serviceId));
    return hook ? this.page(hook.id, serviceId, query) : { deliveries: [], next: null };
  }

  /** @throws NotFound `delivery_not_found`; Conflict `delivery_open`. */
  async redeliver(caller: Caller, serviceId: string, id: string) {
    const row = await this.db.$transaction(async (tx) => {
      const service = await requireService(tx, caller, serviceId);
      const hook = await findHook(tx, service);
      const found = hook && (await tx.webhookDelivery.findFirst({ where: { id, hookId: hook.id } }));
      if (!found) throw notFound('delivery');
      if (found.status === 'received')
        throw new Conflict('delivery_open', 'This delivery is still being worked on: wait for its end.');
      await repeatDelivery(tx, id);
      const { projectId } = service;
      await recordAudit(tx, caller, { resource: 'delivery', resourceId: id, action: 'redeliver', projectId });
      return tx.webhookDelivery.findUniqueOrThrow({ where: { id } });
    });
    this.bus.publish(DELIVERIES_TOPIC);
    return deliveryView(row, serviceId);
  }

  private async page(
    hookId: string,
    serviceId: string,
    { limit, before }: { limit: number; before?: string | undefined },
  ) {
    const rows = await this.db.webhookDelivery.findMany({
      where: { hookId, ...(before ? { seq: { lt: BigInt(before) } } : {}) },
      orderBy: { seq: 'desc' },
      take: limit + 1,
    });
    const shown = rows.slice(0, limit);
    const next = rows.length > limit ? String(shown.at(-1)?.seq) : null;
    return { deliveries: shown.map((row) => deliveryView(row, serviceId)), next };
  }

  private url(hookId: string): string {
    return hookUrl(this.config, hookId);
  }
}

/** One that is about to be removed is wanted again when it is looked at: there is a service. */
const shownStatus = (hook: HookRow | null) => (hook?.status === 'removing' ? 'pending' : hook?.status);

/** @throws Conflict `no_repository`. */
function requireRepository({ source }: Pick<ServiceRow, 'source'>): ServiceSource & { repository: string } {
  const { repository } = source as ServiceSource;
  if (repository) return { ...(source as ServiceSource), repository };
  throw new Conflict(
    'no_repository',
    'Only a service with a repository of its own (source.repository) has a webhook: pushes to the built-in git remote deploy by themselves.',
  );
}

async function findHook(db: Tx, { projectId, source }: ServiceRow): Promise<HookRow | null> {
  const { repository, provider_id: providerId } = source as ServiceSource;
  if (!repository) return null;
  const scope = providerId ? { providerId } : { projectId, providerId: null };
  return db.gitHook.findFirst({ where: { ...scope, repository: repositoryKey(repository) } });
}
