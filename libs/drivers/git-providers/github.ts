/** GitHub and GitHub Enterprise Server: REST API 2022-11-28, https://docs.github.com/en/rest. */
import { NotFound } from '#platform/errors.js';
import { apiAddress, fullNameOf } from './address.js';
import { repositoryNotFound } from './errors.js';
import { checkHook, ensureHook, type FoundHook, type HookStore } from './hooks.js';
import { type ProviderConnections, ProviderHttp, type Wish } from './http.js';
import { collect, headerNumber, linkOf, sliced } from './paging.js';
import type * as port from './port.js';

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

// biome-ignore lint/suspicious/noExplicitAny: GitHub's own objects; the fields read are named below
type Json = any;

export class GitHub implements port.GitProviderApi {
  readonly kind = 'github' as const;
  readonly credentials: { username: string; password: string };
  readonly deployments: port.ProviderDeployments;
  private readonly http: ProviderHttp;

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
    if (query.search) return sliced(await this.allRepositories(), query);
    const { items, next } = await this.list(
      `/user/repos?sort=full_name&per_page=${query.limit}&page=${query.page}`,
      repositoryOf,
    );
    return { items, total: null, next: next === null ? null : query.page + 1 };
  }

  private allRepositories(): Promise<port.ProviderRepository[]> {
    return collect('/user/repos?sort=full_name&per_page=100', (path) => this.list(path, repositoryOf), MOST);
  }

  async repository(fullName: string): Promise<port.ProviderRepository> {
    return repositoryOf(await this.of(fullName, ''));
  }

  async head(fullName: string, branch: string): Promise<string | null> {
    const path = `/repos/${fullName}/git/ref/heads/${branch.split('/').map(encodeURIComponent).join('/')}`;
    // 409: the repository is empty.
    const { status, body } = await this.http.call(path, { accept: [404, 409] });
    if (status === 200) return body.object.sha;
    await this.repository(fullName);
    return null;
  }

  ensureHook(fullName: string, hook: port.HookSpec) {
    return ensureHook(this.hooks(fullName), hook);
  }

  checkHook(fullName: string, hook: Pick<port.HookSpec, 'id' | 'url' | 'events'>) {
    return checkHook(this.hooks(fullName), hook);
  }

  async removeHook(fullName: string, id: string): Promise<void> {
    await this.http.call(`/repos/${fullName}/hooks/${id}`, { method: 'DELETE', accept: [404] });
  }

  /** A ping; GitHub sends it after its answer. */
  async testHook(fullName: string, id: string): Promise<port.HookTest> {
    const wish: Wish = { method: 'POST', accept: [404] };
    const { status } = await this.http.call(`/repos/${fullName}/hooks/${id}/pings`, wish);
    if (status === 404) throw new NotFound('provider_hook_not_found', 'GitHub does not have this webhook any more.');
    const advice =
      'GitHub sends webhooks from the internet: this address must be reachable from there. Recent Deliveries of the webhook in the repository’s settings shows what happened.';
    return { outcome: 'sent', status: null, advice };
  }

  private hooks(fullName: string): HookStore {
    const path = `/repos/${fullName}/hooks`;
    const bodyOf = ({ url, secret, events }: port.HookSpec) => ({
      active: true,
      events: words(events),
      config: { url, secret, content_type: 'json', insecure_ssl: '0' },
    });
    return {
      words,
      list: () => collect(`${path}?per_page=100`, (page) => this.list(page, hookOf, fullName), 300),
      create: async (spec) => String((await this.of(fullName, '/hooks', 'POST', { name: 'web', ...bodyOf(spec) })).id),
      update: async (id, spec) => void (await this.of(fullName, `/hooks/${id}`, 'PATCH', bodyOf(spec))),
      remove: (id) => this.removeHook(fullName, id),
    };
  }

  async setStatus(fullName: string, commit: string, status: port.CommitStatus): Promise<void> {
    await this.of(fullName, `/statuses/${commit}`, 'POST', {
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
    return String((await this.of(fullName, '/deployments', 'POST', body)).id);
  }

  private async updateDeployment(fullName: string, id: string, change: port.DeploymentChange): Promise<void> {
    await this.of(fullName, `/deployments/${id}/statuses`, 'POST', {
      state: DEPLOYMENT_STATES[change.state],
      description: change.description.slice(0, 140),
      ...(change.environmentUrl === null ? {} : { environment_url: change.environmentUrl }),
      ...(change.logUrl === null ? {} : { log_url: change.logUrl }),
    });
  }

  async pullRequest(fullName: string, number: number): Promise<port.PullRequest> {
    const { status, body } = await this.http.call(`/repos/${fullName}/pulls/${number}`, { accept: [404] });
    if (status === 200) return pullRequestOf(body);
    throw new NotFound('pull_request_not_found', `${fullName} has no pull request ${number}.`);
  }

  openPullRequests(fullName: string): Promise<port.PullRequest[]> {
    const path = `/repos/${fullName}/pulls?state=open&sort=created&direction=desc&per_page=100`;
    return collect(path, (page) => this.list(page, pullRequestOf, fullName), 300);
  }

  async upsertComment(fullName: string, number: number, marker: string, text: string): Promise<{ id: string }> {
    const body = `<!-- ${marker} -->\n${text}`;
    const comments = await collect(
      `/repos/${fullName}/issues/${number}/comments?per_page=100`,
      (page) => this.list(page, (comment: Json) => comment, fullName),
      1000,
    );
    const { login } = await this.check();
    const own = comments.find((one) => one.user?.login === login && one.body?.startsWith(`<!-- ${marker} -->`));
    const answer = own
      ? await this.of(fullName, `/issues/comments/${own.id}`, 'PATCH', { body })
      : await this.of(fullName, `/issues/${number}/comments`, 'POST', { body });
    return { id: String(answer.id) };
  }

  /** @throws NotFound `provider_repository_not_found`. */
  private async of(fullName: string, path: string, method: Wish['method'] = 'GET', body?: unknown): Promise<Json> {
    const answer = await this.http.call(`/repos/${fullName}${path}`, { method, body, accept: [404] });
    if (answer.status === 404) throw repositoryNotFound(this.kind, fullName);
    return answer.body;
  }

  private async list<T>(path: string, map: (item: Json) => T, fullName = '') {
    const { status, body, headers } = await this.http.call<Json[]>(path, { cached: true, accept: [404] });
    if (status === 404) throw repositoryNotFound(this.kind, fullName);
    return { items: body.map(map), next: linkOf(headers.link, 'next') };
  }
}

function words(events: port.HookEvent[]): string[] {
  return events.flatMap((event) => EVENTS[event]);
}

function hookOf({ id, active, events, config, last_response: last }: Json): FoundHook {
  const lastDelivery = last?.code ? { status: last.code, message: last.message ?? null } : null;
  return { id: String(id), url: config.url, active, events, lastDelivery };
}

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
