/** GitLab, .com and self-managed: REST API v4, https://docs.gitlab.com/api/rest/. */
import { apiAddress, fullNameOf } from './address.js';
import { hookNotFound, pullRequestNotFound } from './errors.js';
import { checkHook, ensureHook, type FoundHook, type HookStore } from './hooks.js';
import { type ProviderConnections, ProviderHttp } from './http.js';
import { htmlMarker, upsertComment } from './own-comment.js';
import { headerNumber } from './paging.js';
import type * as port from './port.js';
import { type Json, RepositoryCalls } from './repository-calls.js';

const EVENTS = { push: ['push_events', 'tag_push_events'], pull_request: ['merge_requests_events'] };
const ALL_EVENTS = Object.values(EVENTS).flat();
const STATES = { pending: 'pending', running: 'running', success: 'success', failure: 'failed', cancelled: 'canceled' };
const DEPLOYMENT_STATES = {
  pending: 'created',
  running: 'running',
  success: 'success',
  failure: 'failed',
  inactive: '',
};

export class GitLab implements port.GitProviderApi {
  readonly kind = 'gitlab' as const;
  readonly credentials: { username: string; password: string };
  readonly deployments: port.ProviderDeployments;
  private readonly http: ProviderHttp;
  private readonly calls: RepositoryCalls;

  constructor(
    private readonly account: port.ProviderAccount,
    connections: ProviderConnections,
    options: port.CallOptions,
  ) {
    // https://docs.gitlab.com/user/profile/personal_access_tokens/: any user name but an empty one.
    this.credentials = { username: 'oauth2', password: account.token };
    // Bearer is right for personal, project and group access tokens and for OAuth's.
    const headers = { authorization: `Bearer ${account.token}` };
    this.http = new ProviderHttp(this.kind, apiAddress(account), headers, connections, options);
    this.calls = new RepositoryCalls(this.kind, this.http, (name) => `/projects/${encodeURIComponent(name)}`);
    this.deployments = { create: this.createDeployment.bind(this), update: this.updateDeployment.bind(this) };
  }

  fullNameOf(url: string): string | null {
    return fullNameOf(this.account, url);
  }

  async check(): Promise<port.ProviderIdentity> {
    const { body, headers } = await this.http.call('/user');
    const limit = headerNumber(headers['ratelimit-limit']);
    const remaining = headerNumber(headers['ratelimit-remaining']);
    const reset = headerNumber(headers['ratelimit-reset']);
    // OAuth tokens are none of these and get 404 or 401.
    const own = await this.http.call('/personal_access_tokens/self', { accept: [400, 401, 403, 404] });
    return {
      login: body.username,
      scopes: own.status === 200 ? own.body.scopes : null,
      rateLimit:
        limit === null || remaining === null
          ? null
          : { limit, remaining, resetAt: reset === null ? null : new Date(reset * 1000) },
    };
  }

  async repositories({ search, page, limit }: port.RepositoryQuery): Promise<port.RepositoryPage> {
    const query = new URLSearchParams({
      membership: 'true',
      simple: 'true',
      order_by: 'path',
      sort: 'asc',
      page: String(page),
      per_page: String(limit),
      ...(search ? { search, search_namespaces: 'true' } : {}),
    });
    const { body, headers } = await this.http.call<Json[]>(`/projects?${query}`, { cached: true });
    // No total beyond 10,000: https://docs.gitlab.com/api/rest/#pagination-response-headers
    const next = headerNumber(headers['x-next-page']);
    return { items: body.map(repositoryOf), total: headerNumber(headers['x-total']), next };
  }

  async repository(fullName: string): Promise<port.ProviderRepository> {
    return repositoryOf(await this.calls.ask(fullName, ''));
  }

  async head(fullName: string, branch: string): Promise<string | null> {
    const found = await this.calls.find(fullName, `/repository/branches/${encodeURIComponent(branch)}`);
    if (!found) await this.repository(fullName);
    return found?.commit.id ?? null;
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

  /** GitLab answers when the receiver has: https://docs.gitlab.com/api/project_webhooks/#trigger-a-test-project-webhook */
  async testHook(fullName: string, id: string): Promise<port.HookTest> {
    const path = `/projects/${encodeURIComponent(fullName)}/hooks/${id}/test/push_events`;
    const { status, body } = await this.http.call(path, { method: 'POST', accept: [404, 422] });
    if (status === 404) throw hookNotFound(this.kind);
    if (status !== 422) return { outcome: 'delivered', status: null, advice: null };
    const said = String(body?.message ?? '');
    const advice = /local network|blocked|not allowed/i.test(said)
      ? 'GitLab refuses local addresses: an administrator allows them under Admin > Settings > Network > Outbound requests.'
      : `GitLab could not deliver it: ${said.slice(0, 200)}`;
    return { outcome: 'failed', status: null, advice };
  }

  private hooks(fullName: string): HookStore {
    const bodyOf = ({ url, secret, events }: port.HookSpec) => {
      const wanted = words(events);
      const flags = Object.fromEntries(ALL_EVENTS.map((event) => [event, wanted.includes(event)]));
      return { url, token: secret, enable_ssl_verification: true, push_events_branch_filter: '', ...flags };
    };
    return {
      words,
      list: () => this.calls.list(fullName, '/hooks?per_page=100', hookOf),
      create: async (spec) => String((await this.calls.ask(fullName, '/hooks', 'POST', bodyOf(spec))).id),
      update: async (id, spec) => {
        await this.calls.ask(fullName, `/hooks/${id}`, 'PUT', bodyOf(spec));
        // A webhook that was switched off after failures is switched on by a test that succeeds, and by nothing else.
        await this.testHook(fullName, id);
      },
      remove: (id) => this.removeHook(fullName, id),
    };
  }

  async setStatus(fullName: string, commit: string, status: port.CommitStatus): Promise<void> {
    const path = `/projects/${encodeURIComponent(fullName)}/statuses/${commit}`;
    const body = {
      state: STATES[status.state],
      name: status.context,
      description: status.description.slice(0, 255),
      target_url: status.targetUrl,
    };
    const answer = await this.http.call(path, { method: 'POST', body, accept: [400, 404] });
    if (answer.status === 404) await this.repository(fullName);
    // It is in that state already, or a later one: https://gitlab.com/gitlab-org/gitlab/-/issues/26146
    if (answer.status === 400 && !/cannot transition/i.test(JSON.stringify(answer.body)))
      await this.calls.ask(fullName, `/statuses/${commit}`, 'POST', body);
  }

  private async createDeployment(fullName: string, spec: port.DeploymentSpec): Promise<string> {
    const { commit, branch, environment } = spec;
    const ref = branch ?? (await this.repository(fullName)).defaultBranch;
    const body = { environment, sha: commit, ref, tag: false, status: 'created' };
    return String((await this.calls.ask(fullName, '/deployments', 'POST', body)).id);
  }

  /** A deployment has neither a description nor URLs of its own; the environment has the address. */
  private async updateDeployment(fullName: string, id: string, change: port.DeploymentChange): Promise<void> {
    const { environment } = await this.calls.ask(fullName, `/deployments/${id}`);
    const path = `/environments/${environment.id}`;
    if (change.state === 'inactive') {
      await this.calls.act(fullName, `${path}/stop`, 'POST');
      return;
    }
    if (change.environmentUrl !== null)
      await this.calls.ask(fullName, path, 'PUT', { external_url: change.environmentUrl });
    await this.calls.ask(fullName, `/deployments/${id}`, 'PUT', { status: DEPLOYMENT_STATES[change.state] });
  }

  async pullRequest(fullName: string, number: number): Promise<port.PullRequest> {
    const found = await this.calls.find(fullName, `/merge_requests/${number}`);
    if (!found) throw pullRequestNotFound(fullName, number);
    return this.pullRequestOf(fullName, found);
  }

  async openPullRequests(fullName: string): Promise<port.PullRequest[]> {
    const path = '/merge_requests?state=opened&order_by=created_at&sort=desc&per_page=100';
    const found = await this.calls.list(fullName, path, (item: Json) => item);
    return Promise.all(found.map((item) => this.pullRequestOf(fullName, item)));
  }

  /** A merge request names the project it comes from by its number only. */
  private async pullRequestOf(fullName: string, merge: Json): Promise<port.PullRequest> {
    const isFork = merge.source_project_id !== merge.target_project_id;
    const from = isFork ? await this.projectOf(merge.source_project_id) : await this.repository(fullName);
    return {
      number: merge.iid,
      title: merge.title,
      state: merge.state === 'opened' ? 'open' : merge.state === 'merged' ? 'merged' : 'closed',
      draft: merge.draft ?? false,
      author: merge.author?.username ?? '',
      webUrl: merge.web_url,
      head: {
        commit: merge.sha ?? '',
        branch: merge.source_branch,
        fullName: from?.fullName ?? null,
        cloneUrl: from?.cloneUrl ?? null,
      },
      base: merge.target_branch,
      isFork,
    };
  }

  private async projectOf(id: number | null): Promise<port.ProviderRepository | null> {
    if (id === null) return null;
    const { status, body } = await this.http.call(`/projects/${id}`, { accept: [404], cached: true });
    return status === 404 ? null : repositoryOf(body);
  }

  upsertComment(fullName: string, number: number, marker: string, text: string): Promise<{ id: string }> {
    const path = `/merge_requests/${number}/notes`;
    const store = {
      self: async () => (await this.http.call('/user')).body.username,
      list: () => this.calls.list(fullName, `${path}?per_page=100`, commentOf, 1000),
      create: async (body: string) => String((await this.calls.ask(fullName, path, 'POST', { body })).id),
      update: (id: string, body: string) => this.calls.ask(fullName, `${path}/${id}`, 'PUT', { body }),
    };
    return upsertComment(store, htmlMarker(marker), text);
  }
}

function words(events: port.HookEvent[]): string[] {
  return events.flatMap((event) => EVENTS[event]);
}

function hookOf(hook: Json): FoundHook {
  const events = ALL_EVENTS.filter((event) => hook[event]);
  // https://docs.gitlab.com/user/project/integrations/webhooks/#auto-disabled-webhooks
  const active = hook.alert_status === undefined || hook.alert_status === 'executable';
  const lastDelivery = active
    ? null
    : { status: null, message: `disabled until ${hook.disabled_until ?? 're-enabled'}` };
  return { id: String(hook.id), url: hook.url, active, events, lastDelivery };
}

const commentOf = ({ id, author, body }: Json) => ({
  id: String(id),
  author: author?.username ?? '',
  text: body ?? '',
});

function repositoryOf(project: Json): port.ProviderRepository {
  return {
    id: String(project.id),
    name: project.path,
    fullName: project.path_with_namespace,
    description: project.description,
    // `simple` lists have no visibility for those who may not see it.
    private: project.visibility !== 'public',
    defaultBranch: project.default_branch ?? null,
    cloneUrl: project.http_url_to_repo,
    webUrl: project.web_url,
  };
}
