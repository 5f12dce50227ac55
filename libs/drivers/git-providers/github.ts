/** GitHub and GitHub Enterprise Server: REST API 2022-11-28, https://docs.github.com/en/rest. */
import { apiAddress, fullNameOf } from './address.js';
import { hookNotFound, pullRequestNotFound } from './errors.js';
import { checkHook, ensureHook, type FoundHook, type HookStore } from './hooks.js';
import { type ProviderConnections, ProviderHttp } from './http.js';
import { htmlMarker, upsertComment } from './own-comment.js';
import { collect, headerNumber, linkOf, sliced } from './paging.js';
import type * as port from './port.js';
import { inPath, type Json, RepositoryCalls } from './repository-calls.js';

/** Beyond this many repositories the list is cut: ten requests. */
const MOST = 1000;
const EVENTS = { push: ['push'], pull_request: ['pull_request'] };
const STATES = { pending: 'pending', running: 'pending', success: 'success', failure: 'failure', cancelled: 'error' };
const DEPLOYMENT_STATES = {
  pending: 'queued',
  running: 'in_progress',
  success: 'success',
  failure: 'failure',
  inactive: 'inactive',
};

export class GitHub implements port.GitProviderApi {
  readonly kind = 'github' as const;
  readonly credentials: { username: string; password: string };
  readonly deployments: port.ProviderDeployments;
  private readonly http: ProviderHttp;
  private readonly calls: RepositoryCalls;

  constructor(
    private readonly account: port.ProviderAccount,
    connections: ProviderConnections,
    options: port.CallOptions,
  ) {
    // https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app: any user name will do with a token.
    this.credentials = { username: 'x-access-token', password: account.token };
    const headers = {
      authorization: `Bearer ${account.token}`,
      accept: 'application/vnd.github+json',
      'x-github-api-version': '2022-11-28',
    };
    this.http = new ProviderHttp(this.kind, apiAddress(account), headers, connections, options);
    this.calls = new RepositoryCalls(this.kind, this.http, (fullName) => `/repos/${fullName}`);
    this.deployments = { create: this.createDeployment.bind(this), update: this.updateDeployment.bind(this) };
  }

  fullNameOf(url: string): string | null {
    return fullNameOf(this.account, url);
  }

  async check(): Promise<port.ProviderIdentity> {
    const { body, headers } = await this.http.call('/user');
    const limit = headerNumber(headers['x-ratelimit-limit']);
    const remaining = headerNumber(headers['x-ratelimit-remaining']);
    const reset = headerNumber(headers['x-ratelimit-reset']);
    // Fine-grained tokens have no scopes and no such header.
    const scopes = headers['x-oauth-scopes'];
    return {
      login: body.login,
      scopes: typeof scopes === 'string' ? scopes.split(/,\s*/).filter(Boolean) : null,
      rateLimit:
        limit === null || remaining === null
          ? null
          : { limit, remaining, resetAt: reset === null ? null : new Date(reset * 1000) },
    };
  }

  /** GitHub's search does not know what a token sees, so a search reads the whole list (from the cache when nothing changed). */
  async repositories(query: port.RepositoryQuery): Promise<port.RepositoryPage> {
    if (query.search) return sliced(await collect(listPath(100, 1), (path) => this.page(path), MOST), query);
    const { items, next } = await this.page(listPath(query.limit, query.page));
    return { items, total: null, next: next === null ? null : query.page + 1 };
  }

  private async page(path: string) {
    const { body, headers } = await this.http.call<Json[]>(path, { cached: true });
    return { items: body.map(repositoryOf), next: linkOf(headers.link, 'next') };
  }

  async repository(fullName: string): Promise<port.ProviderRepository> {
    return repositoryOf(await this.calls.ask(fullName, ''));
  }

  async head(fullName: string, branch: string): Promise<string | null> {
    // 409: the repository is empty.
    const ref = await this.calls.find(fullName, `/git/ref/heads/${inPath(branch)}`, [409]);
    if (!ref) await this.repository(fullName);
    return ref?.object.sha ?? null;
  }

  ensureHook(fullName: string, hook: port.HookSpec) {
    return ensureHook(this.hooks(fullName), hook);
  }

  checkHook(fullName: string, hook: Pick<port.HookSpec, 'id' | 'url' | 'events'>) {
    return checkHook(this.hooks(fullName), hook);
  }

  async removeHook(fullName: string, id: string): Promise<void> {
    await this.calls.act(fullName, `/hooks/${id}`, 'DELETE');
  }

  /** A ping; GitHub sends it after its answer. */
  async testHook(fullName: string, id: string): Promise<port.HookTest> {
    if (!(await this.calls.act(fullName, `/hooks/${id}/pings`, 'POST'))) throw hookNotFound(this.kind);
    const advice =
      'GitHub sends webhooks from the internet: this address must be reachable from there. Recent Deliveries of the webhook in the repository’s settings shows what happened.';
    return { outcome: 'sent', status: null, advice };
  }

  private hooks(fullName: string): HookStore {
    const bodyOf = ({ url, secret, events }: port.HookSpec) => ({
      active: true,
      events: words(events),
      config: { url, secret, content_type: 'json', insecure_ssl: '0' },
    });
    return {
      words,
      list: () => this.calls.list(fullName, '/hooks?per_page=100', hookOf),
      create: async (spec) =>
        String((await this.calls.ask(fullName, '/hooks', 'POST', { name: 'web', ...bodyOf(spec) })).id),
      update: async (id, spec) => void (await this.calls.ask(fullName, `/hooks/${id}`, 'PATCH', bodyOf(spec))),
      remove: (id) => this.removeHook(fullName, id),
    };
  }

  async setStatus(fullName: string, commit: string, status: port.CommitStatus): Promise<void> {
    await this.calls.ask(fullName, `/statuses/${commit}`, 'POST', {
      state: STATES[status.state],
      context: status.context,
      description: status.description.slice(0, 140),
      target_url: status.targetUrl,
    });
  }

  private async createDeployment(fullName: string, spec: port.DeploymentSpec): Promise<string> {
    const body = {
      ref: spec.commit,
      environment: spec.environment,
      description: spec.description.slice(0, 140),
      // Otherwise GitHub would merge the default branch first, or refuse because other checks are still running.
      auto_merge: false,
      required_contexts: [],
      transient_environment: spec.transient,
      production_environment: !spec.transient,
    };
    return String((await this.calls.ask(fullName, '/deployments', 'POST', body)).id);
  }

  private async updateDeployment(fullName: string, id: string, change: port.DeploymentChange): Promise<void> {
    await this.calls.ask(fullName, `/deployments/${id}/statuses`, 'POST', {
      state: DEPLOYMENT_STATES[change.state],
      description: change.description.slice(0, 140),
      ...(change.environmentUrl === null ? {} : { environment_url: change.environmentUrl }),
      ...(change.logUrl === null ? {} : { log_url: change.logUrl }),
    });
  }

  async pullRequest(fullName: string, number: number): Promise<port.PullRequest> {
    const pull = await this.calls.find(fullName, `/pulls/${number}`);
    if (pull) return pullRequestOf(pull);
    throw pullRequestNotFound(fullName, number);
  }

  openPullRequests(fullName: string): Promise<port.PullRequest[]> {
    const path = '/pulls?state=open&sort=created&direction=desc&per_page=100';
    return this.calls.list(fullName, path, pullRequestOf);
  }

  upsertComment(fullName: string, number: number, marker: string, text: string): Promise<{ id: string }> {
    const path = `/issues/${number}/comments`;
    const store = {
      self: async () => (await this.http.call('/user')).body.login,
      list: () => this.calls.list(fullName, `${path}?per_page=100`, commentOf, 1000),
      create: async (body: string) => String((await this.calls.ask(fullName, path, 'POST', { body })).id),
      update: (id: string, body: string) => this.calls.ask(fullName, `/issues/comments/${id}`, 'PATCH', { body }),
    };
    return upsertComment(store, htmlMarker(marker), text);
  }
}

const listPath = (limit: number, page: number): string => `/user/repos?sort=full_name&per_page=${limit}&page=${page}`;

function words(events: port.HookEvent[]): string[] {
  return events.flatMap((event) => EVENTS[event]);
}

function hookOf({ id, active, events, config, last_response: last }: Json): FoundHook {
  const lastDelivery = last?.code ? { status: last.code, message: last.message ?? null } : null;
  return { id: String(id), url: config.url, active, events, lastDelivery };
}

const commentOf = ({ id, user, body }: Json) => ({ id: String(id), author: user?.login ?? '', text: body ?? '' });

function repositoryOf(repository: Json): port.ProviderRepository {
  return {
    id: String(repository.id),
    name: repository.name,
    fullName: repository.full_name,
    description: repository.description,
    private: repository.private,
    defaultBranch: repository.default_branch ?? null,
    cloneUrl: repository.clone_url,
    webUrl: repository.html_url,
  };
}

function pullRequestOf(pull: Json): port.PullRequest {
  const from = pull.head.repo;
  return {
    number: pull.number,
    title: pull.title,
    state: pull.merged_at ? 'merged' : pull.state,
    draft: pull.draft ?? false,
    author: pull.user?.login ?? '',
    webUrl: pull.html_url,
    head: {
      commit: pull.head.sha,
      branch: pull.head.ref,
      fullName: from?.full_name ?? null,
      cloneUrl: from?.clone_url ?? null,
    },
    base: pull.base.ref,
    isFork: from?.full_name !== pull.base.repo.full_name,
  };
}
