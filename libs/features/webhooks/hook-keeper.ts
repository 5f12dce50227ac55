/**
 * Hooks at connected git providers: one for each provider and repository that a service is built from. Compares what is wanted with what is
 * there, makes, checks once a day, repairs and removes. What fails is shown with the hook and tried again; no service waits for it.
 */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { GitProviderApi } from '#drivers/git-providers/port.js';
import { ProviderAccounts } from '#features/git-providers/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { AppError, Invalid, publicMessage } from '#platform/errors.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { currentSecret, type HookRow, newHookSecret } from './hook-secrets.js';
import { hookUrl } from './hook-url.js';
import { servicesOf } from './hooked-services.js';
import { MissedPushes } from './missed-pushes.js';
import { repositoryKey } from './repository-key.js';

const EVENTS = ['push', 'pull_request'] as const;
const DAY_SECONDS = 86_400;
const FIRST_RETRY_SECONDS = 60;
/** Until another worker may try, should this one die. */
const CLAIM_SECONDS = 300;
const AT_ONCE = 50;
const CALL_DEADLINE_MS = 60_000;
/** How long one call may wait for a rate limit. */
const PATIENCE_MS = 10_000;

const UNCONFIRMED = 'webhook_unconfirmed';
const UNDELIVERED = 'webhook_not_delivered';

interface Trial {
  hook: HookRow;
  /** Something has arrived by it at some time. */
  heard: boolean;
  api: GitProviderApi;
  fullName: string;
  externalId: string;
}

interface Wanted {
  provider_id: string;
  repository: string;
}

@Injectable()
export class HookKeeper {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly accounts: ProviderAccounts,
    private readonly pushes: MissedPushes,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** @returns how many hooks were looked at. */
  async round(signal: AbortSignal): Promise<number> {
    await this.announce();
    const due = await this.claim();
    for (const hook of due) if (!signal.aborted) await this.keep(hook, signal);
    return due.length;
  }

  /** Rows for hooks that are not there yet; those that nobody needs any more become due. */
  private async announce(): Promise<void> {
    const wanted = await this.db.$queryRaw<Wanted[]>`
      SELECT DISTINCT source->>'provider_id' AS provider_id, source->>'repository' AS repository FROM services
      WHERE deleted_at IS NULL AND source->>'provider_id' IS NOT NULL AND source->>'repository' IS NOT NULL`;
    const hooks = await this.db.gitHook.findMany({ where: { providerId: { not: null } } });
    const keyOf = (providerId: string | null, repository: string) => `${providerId} ${repository}`;
    const there = new Set(hooks.map((hook) => keyOf(hook.providerId, hook.repository)));
    const needed = new Map(wanted.map((one) => [keyOf(one.provider_id, repositoryKey(one.repository)), one]));
    for (const [key, one] of needed) if (!there.has(key)) await this.insert(one);
    const needless = hooks.filter((hook) => !needed.has(keyOf(hook.providerId, hook.repository)));
    for (const { id, status } of needless)
      if (status !== 'removing')
        await this.db.gitHook.updateMany({ where: { id }, data: { status: 'removing', nextCheckAt: new Date(0) } });
    const back = hooks.filter(
      (hook) => hook.status === 'removing' && needed.has(keyOf(hook.providerId, hook.repository)),
    );
    for (const { id } of back)
      await this.db.gitHook.updateMany({ where: { id }, data: { status: 'pending', nextCheckAt: new Date(0) } });
  }

  private async insert({ provider_id: providerId, repository: url }: Wanted): Promise<void> {
    const id = randomUUID();
    const { sealed } = newHookSecret(this.box, id);
    const row = { id, providerId, repository: repositoryKey(url), url, secret: sealed, status: 'pending' };
    await this.db.gitHook.createMany({ data: [{ ...row, nextCheckAt: new Date(0) }], skipDuplicates: true });
  }

  private async claim(): Promise<HookRow[]> {
    const rows = await this.db.$queryRaw<{ id: string }[]>`
      UPDATE git_hooks SET next_check_at = clock_timestamp() + make_interval(secs => ${CLAIM_SECONDS})
      WHERE id IN (SELECT id FROM git_hooks WHERE provider_id IS NOT NULL AND next_check_at <= clock_timestamp()
        ORDER BY next_check_at LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED)
      RETURNING id`;
    return this.db.gitHook.findMany({ where: { id: { in: rows.map(({ id }) => id) } } });
  }

  private async keep(hook: HookRow, signal: AbortSignal): Promise<void> {
    try {
      if (hook.status === 'removing') await this.remove(hook, signal);
      else await this.ensure(hook, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof AppError)) this.log.warn({ err: error, hook: hook.id }, 'A hook at a git provider failed');
      await this.failed(hook, error instanceof AppError ? error.code : 'internal', publicMessage(error));
    }
  }

  private async ensure(hook: HookRow, signal: AbortSignal): Promise<void> {
    const { api, fullName } = await this.open(hook, signal);
    const wish = {
      url: hookUrl(this.config, hook.id),
      events: [...EVENTS],
      ...(hook.externalId ? { id: hook.externalId } : {}),
    };
    const found = await api.checkHook(fullName, wish);
    const renew = hook.status === 'pending' || found.state === 'disabled';
    const { id, state } = await api.ensureHook(fullName, { ...wish, secret: currentSecret(this.box, hook), renew });
    await this.done(hook, id);
    const heard = (await this.db.webhookDelivery.findFirst({ where: { hookId: hook.id } })) !== null;
    const status = found.lastDelivery?.status ?? null;
    if (state === 'unchanged' && heard && (status === null || status < 400)) return;
    // A test may be a push of the newest commit: that is not to be the first deployment.
    await this.pushes.note(await servicesOf(this.db, hook), signal);
    await this.tryOut({ hook, heard, api, fullName, externalId: id });
  }

  /** A rotation in between stays to be done. */
  private async done({ id, secret }: HookRow, externalId: string): Promise<void> {
    await this.db.$executeRaw`
      UPDATE git_hooks SET status = 'active', external_id = ${externalId}, error = NULL, error_code = NULL, failures = 0,
        checked_at = clock_timestamp(), updated_at = clock_timestamp(),
        next_check_at = clock_timestamp() + make_interval(secs => ${DAY_SECONDS} * (0.9 + 0.1 * random()))
      WHERE id = ${id}::uuid AND secret = ${secret} AND status <> 'removing'`;
  }

  /**
   * Gitea's ALLOWED_HOST_LIST, for example, refuses receivers in private networks until its operator allows them; its API does not tell, so
   * nothing having arrived a minute later is what tells.
   */
  private async tryOut({ hook, heard, api, fullName, externalId }: Trial): Promise<void> {
    const { outcome, advice } = await api.testHook(fullName, externalId);
    const waited = hook.errorCode === UNCONFIRMED || hook.errorCode === UNDELIVERED;
    if (outcome === 'failed' || (outcome === 'sent' && !heard && waited))
      return this.failed(hook, UNDELIVERED, advice ?? 'The git provider could not deliver a test of the webhook.');
    if (outcome === 'sent' && !heard) await this.unconfirmed(hook, advice);
  }

  private async unconfirmed({ id }: HookRow, advice: string | null): Promise<void> {
    const error = `Nothing has arrived yet. ${advice ?? ''}`.trim();
    await this.db.$executeRaw`
      UPDATE git_hooks SET error = ${error}, error_code = ${UNCONFIRMED},
        next_check_at = clock_timestamp() + make_interval(secs => ${FIRST_RETRY_SECONDS})
      WHERE id = ${id}::uuid AND status = 'active'`;
  }

  private async remove(hook: HookRow, signal: AbortSignal): Promise<void> {
    try {
      const { api, fullName } = await this.open(hook, signal);
      if (hook.externalId) await api.removeHook(fullName, hook.externalId);
    } catch (error) {
      // Without its token nothing can be removed there any more: deliveries to it are 404 from now on.
      if (!(error instanceof AppError) || error.transient) throw error;
    }
    await this.db.gitHook.deleteMany({ where: { id: hook.id, status: 'removing' } });
  }

  /** @throws Invalid `git_provider_removed`, `repository_not_at_provider`. */
  private async open(
    { providerId, url }: HookRow,
    signal: AbortSignal,
  ): Promise<{ api: GitProviderApi; fullName: string }> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(CALL_DEADLINE_MS)]);
    const api = await this.accounts.open(providerId ?? '', { signal: limited, patienceMs: PATIENCE_MS });
    const fullName = api.fullNameOf(url);
    if (fullName !== null) return { api, fullName };
    throw new Invalid(
      'repository_not_at_provider',
      'The repository is not one of this git provider: change the source of the service.',
    );
  }

  private async failed({ id }: HookRow, code: string, message: string): Promise<void> {
    await this.db.$executeRaw`
      UPDATE git_hooks SET status = CASE status WHEN 'removing' THEN 'removing' ELSE 'failed' END, error = ${message}, error_code = ${code},
        failures = failures + 1, checked_at = clock_timestamp(), updated_at = clock_timestamp(),
        next_check_at = clock_timestamp() + make_interval(secs => least(${DAY_SECONDS}, ${FIRST_RETRY_SECONDS} * power(2, least(failures, 12))))
      WHERE id = ${id}::uuid`;
  }
}
