/**
 * Makes previews what the pull requests are: told of one by a webhook, or looking at all of them. What the provider says now counts, not
 * what a delivery said.
 */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ServiceSource } from '#contracts/service-source.js';
import type { GitProviderApi, PullRequest } from '#drivers/git-providers/port.js';
import { ProviderAccounts } from '#features/git-providers/index.js';
import { AppError, Invalid } from '#platform/errors.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { lockPreview, PreviewServices } from './preview-services.js';

/** Of services with previews: how often the provider is asked what is open. Minutes. */
const LOOK_EVERY = 10;
const PER_ROUND = 10;

export interface PullState {
  number: number;
  open: boolean;
  title: string;
  author: string | null;
  webUrl: string | null;
  commit: string;
  branch: string;
  /** Null: the fork was deleted. */
  repository: string | null;
  isFork: boolean;
}

@Injectable()
export class PreviewKeeper {
  constructor(
    private readonly db: PrismaService,
    private readonly accounts: ProviderAccounts,
    private readonly services: PreviewServices,
  ) {}

  /** As the provider has it now. @returns why nothing is shown, or the deployment that was made. */
  async look(parentId: string, number: number): Promise<{ reason: string | null; deploymentId: string | null }> {
    const setting = await this.db.previewSetting.findUnique({
      where: { serviceId: parentId },
      include: { service: true },
    });
    if (!setting?.enabled || setting.service.deletedAt) return { reason: 'previews are off', deploymentId: null };
    const opened = await this.provider(setting.service.source as ServiceSource);
    if (!opened) return { reason: 'the service has no git provider to ask', deploymentId: null };
    return this.apply(parentId, stateOf(await opened.api.pullRequest(opened.fullName, number)));
  }

  async apply(parentId: string, pull: PullState) {
    const open = await this.db.preview.findFirst({ where: { parentId, number: pull.number, closedAt: null } });
    if (!pull.open || !pull.repository) {
      if (open) await this.services.close(open.id, 'closed');
      return { reason: 'the pull request is closed', deploymentId: null };
    }
    const id = open ? await this.update(open.id, pull) : await this.create(parentId, pull);
    if (!id) return { reason: 'the preview of this head has expired', deploymentId: null };
    const deploymentId = await this.services.deploy(id);
    return { reason: deploymentId ? null : 'it is shown already, or waits for an approval', deploymentId };
  }

  /** The sweeper: what has expired or lost its reason goes; the provider is asked what is open. */
  async round(): Promise<void> {
    await this.sweep();
    for (const serviceId of await this.due()) {
      const error = await this.lookAtAll(serviceId).then(
        () => null,
        (failure: unknown) => failure,
      );
      if (error !== null && !(error instanceof AppError)) throw error;
      await this.db.previewSetting.updateMany({ where: { serviceId }, data: { error: error?.message ?? null } });
    }
  }

  private async sweep(): Promise<void> {
    const rows = await this.db.$queryRaw<{ id: string; reason: string }[]>`
      SELECT p.id, CASE WHEN s.deleted_at IS NOT NULL THEN 'parent_deleted' WHEN p.expires_at <= now() THEN 'expired' ELSE 'disabled' END AS reason
      FROM previews p JOIN services s ON s.id = p.parent_id LEFT JOIN preview_settings t ON t.service_id = p.parent_id
      WHERE p.closed_at IS NULL AND (s.deleted_at IS NOT NULL OR p.expires_at <= now() OR NOT coalesce(t.enabled, false))`;
    for (const { id, reason } of rows) await this.services.close(id, reason);
  }

  private async due(): Promise<string[]> {
    const rows = await this.db.$queryRaw<{ id: string }[]>`
      UPDATE preview_settings SET next_check_at = now() + make_interval(mins => ${LOOK_EVERY}) WHERE service_id IN (
        SELECT t.service_id FROM preview_settings t JOIN services s ON s.id = t.service_id AND s.deleted_at IS NULL
        WHERE t.enabled AND t.next_check_at <= now() ORDER BY t.next_check_at LIMIT ${PER_ROUND} FOR UPDATE OF t SKIP LOCKED)
      RETURNING service_id AS id`;
    return rows.map(({ id }) => id);
  }

  private async lookAtAll(parentId: string): Promise<void> {
    const { source } = await this.db.service.findUniqueOrThrow({ where: { id: parentId } });
    const opened = await this.provider(source as ServiceSource);
    if (!opened) throw new Invalid('no_git_provider', 'Previews need a source with a git provider (provider_id).');
    const open = await opened.api.openPullRequests(opened.fullName);
    for (const pull of open) await this.apply(parentId, stateOf(pull));
    // Only those that are not in the list are asked for one by one: it may be cut.
    const numbers = open.map(({ number }) => number);
    const others = await this.db.preview.findMany({ where: { parentId, closedAt: null, number: { notIn: numbers } } });
    for (const { number } of others)
      await this.apply(parentId, stateOf(await opened.api.pullRequest(opened.fullName, number)));
  }

  private async provider(source: ServiceSource): Promise<{ api: GitProviderApi; fullName: string } | null> {
    if (!source.provider_id || !source.repository) return null;
    const api = await this.accounts.open(source.provider_id);
    const fullName = api.fullNameOf(source.repository);
    if (!fullName) throw new Invalid('repository_not_at_provider', 'The repository is not one of the git provider.');
    return { api, fullName };
  }

  /** Another head makes it live longer, and an approval was for the head before. */
  private update(id: string, pull: PullState): Promise<string | null> {
    return this.db.$transaction(async (tx) => {
      const row = await lockPreview(tx, id);
      if (!row || row.closedAt) return null;
      const moved = row.headCommit !== pull.commit;
      const expiresAt = moved ? await expiry(tx, row.parentId) : row.expiresAt;
      const approvedCommit = moved ? null : row.approvedCommit;
      await tx.preview.update({ where: { id }, data: { ...columns(pull), expiresAt, approvedCommit } });
      return id;
    });
  }

  /** Null: it had one for this very head, which has expired. */
  private create(parentId: string, pull: PullState): Promise<string | null> {
    return this.db.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM services WHERE id = ${parentId}::uuid FOR NO KEY UPDATE`;
      const where = { parentId, number: pull.number };
      const last = await tx.preview.findFirst({ where, orderBy: { createdAt: 'desc' } });
      if (last && !last.closedAt) return last.id;
      if (last?.closeReason === 'expired' && last.headCommit === pull.commit) return null;
      const id = randomUUID();
      const expiresAt = await expiry(tx, parentId);
      await tx.preview.create({ data: { id, parentId, expiresAt, ...columns(pull) } });
      return id;
    });
  }
}

async function expiry(tx: Parameters<typeof lockPreview>[0], parentId: string): Promise<Date> {
  const [row] = await tx.$queryRaw<{ at: Date }[]>`
    SELECT clock_timestamp() + make_interval(hours => ttl_hours) AS at FROM preview_settings WHERE service_id = ${parentId}::uuid`;
  if (!row) throw new Invalid('previews_off', 'Previews are off.');
  return row.at;
}

function columns({ number, title, author, webUrl, commit, branch, repository, isFork }: PullState) {
  const head = { headCommit: commit, branch, repository: repository ?? '' };
  return { number, title: title.slice(0, 300), author, webUrl, isFork, ...head };
}

export function stateOf(pull: PullRequest): PullState {
  const { number, title, author, webUrl, head, isFork, state } = pull;
  const where = { commit: head.commit, branch: head.branch, repository: head.cloneUrl };
  return { number, open: state === 'open', title, author, webUrl, isFork, ...where };
}
