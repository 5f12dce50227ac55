/**
 * Tells git providers what became of their commits: a commit status with the service's name, and the provider's own deployment where it has
 * one. Compares what is with what was told, so a crash loses nothing and a repetition tells nothing new. It never fails a deployment.
 */
import { Inject, Injectable } from '@nestjs/common';
import type { ServiceSource } from '#contracts/service-source.js';
import type { GitProviderApi } from '#drivers/git-providers/port.js';
import { ProviderAccounts } from '#features/git-providers/index.js';
import { serviceUrl } from '#features/services/index.js';
import { CONFIG, type Config, publicUrl } from '#platform/config.js';
import { AppError, Invalid } from '#platform/errors.js';
import { type Prisma, PrismaService } from '#platform/prisma/prisma.service.js';
import { describe, type ReportState, reportDelay, stateOf } from './report-state.js';
import { type ClaimedReport, claimReports, settleReport } from './reports.queries.js';

const AT_ONCE = 8;
/** The commit is known once the source has been fetched. Seconds. */
const UNTIL_COMMIT = 5;
/** The providers take 40 characters and more. */
const LONGEST_CONTEXT = 40;

const preview = { select: { number: true, parentId: true, closedAt: true, parent: { select: { source: true } } } };
const include = { service: { select: { id: true, name: true, type: true, slug: true, source: true, preview } } };
type Loaded = Prisma.DeploymentGetPayload<{ include: typeof include }>;
interface News {
  row: Loaded;
  commit: string;
  state: ReportState;
}

@Injectable()
export class DeploymentReporter {
  constructor(
    private readonly db: PrismaService,
    private readonly accounts: ProviderAccounts,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @returns how many deployments were looked at. */
  async round(): Promise<number> {
    const claims = await claimReports(this.db, AT_ONCE);
    const ends = await Promise.allSettled(claims.map((claim) => this.report(claim)));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
    return claims.length;
  }

  private async report(claim: ClaimedReport): Promise<void> {
    const row = await this.db.deployment.findUnique({ where: { id: claim.id }, include, omit: { config: true } });
    if (!row) return;
    const state = stateOf(row);
    const settle = (reported: ReportState | null, again: number | null) =>
      settleReport(this.db, claim, { reported, again, error: null, attempts: 0 });
    if (state === claim.reported) return settle(null, null);
    if (!row.commitHash) return settle(null, state === 'pending' ? UNTIL_COMMIT : null);
    const news = { row: row as Loaded, commit: row.commitHash, state };
    const failure = await this.tell(claim, news).then(
      () => null,
      (error: unknown) => error,
    );
    if (failure === null) return settle(state, null);
    if (!(failure instanceof AppError)) throw failure;
    await settleReport(this.db, claim, afterFailure(claim, failure));
  }

  private async tell(claim: ClaimedReport, news: News): Promise<void> {
    const { preview: shows, source } = news.row.service;
    // A pull request is at the repository that it is made to, also when its head is in a fork.
    const { provider_id: provider, repository = '' } = (shows?.parent.source ?? source) as ServiceSource;
    if (!provider) return;
    const api = await this.accounts.open(provider);
    const fullName = api.fullNameOf(repository);
    if (!fullName) throw new Invalid('repository_not_at_provider', 'The repository is not one of the git provider.');
    const { row, commit, state } = news;
    const description = describe(state, row);
    const context = `containr/${row.service.name}`.slice(0, LONGEST_CONTEXT);
    await api.setStatus(fullName, commit, { state, context, description, targetUrl: this.url(row) });
    if (api.deployments) await this.tellDeployment(api.deployments, fullName, claim, news);
    if (shows && !shows.closedAt)
      await api.upsertComment(fullName, shows.number, `containr-preview:${shows.parentId}`, this.comment(news));
  }

  /** Its id is kept before anything else is said about it, so that a repetition goes on with the same one. */
  private async tellDeployment(
    deployments: NonNullable<GitProviderApi['deployments']>,
    fullName: string,
    claim: ClaimedReport,
    { row, commit, state }: News,
  ): Promise<void> {
    const description = describe(state, row);
    const spec = {
      commit,
      branch: row.branch,
      environment: row.service.name,
      description,
      transient: row.service.preview !== null,
    };
    const id = claim.externalId ?? (await deployments.create(fullName, spec));
    if (!claim.externalId)
      await this.db.deploymentReport.updateMany({ where: { deploymentId: row.id }, data: { externalId: id } });
    const environmentUrl = row.service.type === 'web' ? serviceUrl(row.service.slug, this.config) : null;
    const told = state === 'cancelled' ? 'inactive' : state;
    await deployments.update(fullName, id, { state: told, description, environmentUrl, logUrl: this.logUrl(row) });
  }

  /** One for each pull request and service, rewritten with each change. */
  private comment({ row, commit, state }: News): string {
    const url = row.service.type === 'web' && state === 'success' ? `\n\n${this.url(row)}` : '';
    return `Preview **${row.service.name}** of ${commit.slice(0, 12)}: ${describe(state, row)}${url}`;
  }

  private url(row: Loaded): string {
    return row.service.type === 'web' ? serviceUrl(row.service.slug, this.config) : this.logUrl(row);
  }

  private logUrl({ id }: Loaded): string {
    return `${publicUrl(this.config)}/api/v1/deployments/${id}`;
  }
}

/** What may pass by itself is tried again for a while; a refusal until the next event. */
function afterFailure({ attempts }: ClaimedReport, error: AppError) {
  const wanted = Number(error.details.retry_after_seconds ?? 0);
  const failed = attempts + 1;
  const again = error.transient ? reportDelay(failed, wanted) : null;
  return { reported: null, attempts: failed, again, error: { code: error.code, message: error.message } };
}
