/** Gitea 1.20 and newer, and Forgejo: REST API v1, https://docs.gitea.com/api/. */
import { apiAddress, fullNameOf } from './address.js';
import { hookNotFound, pullRequestNotFound } from './errors.js';
import { checkHook, ensureHook, type FoundHook, type HookStore } from './hooks.js';
import { type ProviderConnections, ProviderHttp } from './http.js';
import { htmlMarker, upsertComment } from './own-comment.js';
import { collect, headerNumber, linkOf, sliced } from './paging.js';
import type * as port from './port.js';
import { inPath, type Json, RepositoryCalls } from './repository-calls.js';

/** MAX_RESPONSE_ITEMS of app.ini: larger pages are cut without a word. */
const PAGE = 50;
const MOST = 1000;
/** A deleted branch is an event of its own. */
const EVENTS = { push: ['push', 'delete'], pull_request: ['pull_request', 'pull_request_sync'] };
const STATES = { pending: 'pending', running: 'pending', success: 'success', failure: 'failure', cancelled: 'error' };

export class Gitea implements port.GitProviderApi {
  readonly kind = 'gitea' as const;
  readonly credentials: { username: string; password: string };
  private readonly http: ProviderHttp;
  private readonly calls: RepositoryCalls;

  constructor(
    private readonly account: port.ProviderAccount,
    connections: ProviderConnections,
    options: port.CallOptions,
  ) {
    // https://docs.gitea.com/development/api-usage: a token may be the password of any name.
    this.credentials = { username: 'oauth2', password: account.token };
    const headers = { authorization: `token ${account.token}` };
    this.http = new ProviderHttp(this.kind, apiAddress(account), headers, connections, options);
    this.calls = new RepositoryCalls(this.kind, this.http, (fullName) => `/repos/${fullName}`);
  }

  fullNameOf(url: string): string | null {
    return fullNameOf(this.account, url);
  }

  async check(): Promise<port.ProviderIdentity> {
    const { body } = await this.http.call('/user');
    return { login: body.login, scopes: null, rateLimit: null };
  }

  async repositories(query: port.RepositoryQuery): Promise<port.RepositoryPage> {
    if (query.search || query.limit > PAGE)
      return sliced(await collect(listPath(PAGE, 1), (path) => this.page(path), MOST), query);
    const { items, next, total } = await this.page(listPath(query.limit, query.page));
    return { items, total, next: next === null ? null : query.page + 1 };
  }

  private async page(path: string) {
    const { body, headers } = await this.http.call<Json[]>(path, { cached: true });
    const total = headerNumber(headers['x-total-count']);
    return { items: body.map(repositoryOf), next: linkOf(headers.link, 'next'), total };
  }

  async repository(fullName: string): Promise<port.ProviderRepository> {
    return repositoryOf(await this.calls.ask(fullName, ''));
  }

  async head(fullName: string, branch: string): Promise<string | null> {
    const found = await this.calls.find(fullName, `/branches/${inPath(branch)}`);
    if (!found) await this.repository(fullName);
    return found?.commit?.id ?? null;
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

  /** Gitea sends it later and its API never tells what became of it: a refusal shows only by nothing arriving. */
  async testHook(fullName: string, id: string): Promise<port.HookTest> {
    if (!(await this.calls.act(fullName, `/hooks/${id}/tests`, 'POST'))) throw hookNotFound(this.kind);
    const advice =
      'Gitea calls no private addresses unless app.ini allows them: set ALLOWED_HOST_LIST = private (or this host) under [webhook] and restart it. Recent Deliveries of the webhook then no longer says "webhook can only call allowed HTTP servers".';
    return { outcome: 'sent', status: null, advice };
  }

  private hooks(fullName: string): HookStore {
    const bodyOf = ({ url, secret, events }: port.HookSpec) => ({
      active: true,
      events: words(events),
      branch_filter: '*',
      config: { url, secret, content_type: 'json' },
    });
    return {
      words,
      list: () => this.calls.list(fullName, `/hooks?limit=${PAGE}`, hookOf),
      create: async (spec) =>
        String((await this.calls.ask(fullName, '/hooks', 'POST', { type: 'gitea', ...bodyOf(spec) })).id),
      update: async (id, spec) => void (await this.calls.ask(fullName, `/hooks/${id}`, 'PATCH', bodyOf(spec))),
      remove: (id) => this.removeHook(fullName, id),
    };
  }

  async setStatus(fullName: string, commit: string, status: port.CommitStatus): Promise<void> {
    await this.calls.ask(fullName, `/statuses/${commit}`, 'POST', {
      state: STATES[status.state],
      context: status.context,
      description: status.description.slice(0, 255),
      target_url: status.targetUrl,
    });
  }

  async pullRequest(fullName: string, number: number): Promise<port.PullRequest> {
    const pull = await this.calls.find(fullName, `/pulls/${number}`);
    if (pull) return pullRequestOf(pull);
    throw pullRequestNotFound(fullName, number);
  }

  openPullRequests(fullName: string): Promise<port.PullRequest[]> {
    return this.calls.list(fullName, `/pulls?state=open&limit=${PAGE}`, pullRequestOf);
  }

  upsertComment(fullName: string, number: number, marker: string, text: string): Promise<{ id: string }> {
    const path = `/issues/${number}/comments`;
    const store = {
      self: async () => (await this.http.call('/user')).body.login,
      list: () => this.calls.list(fullName, path, commentOf, 1000),
      create: async (body: string) => String((await this.calls.ask(fullName, path, 'POST', { body })).id),
      update: (id: string, body: string) => this.calls.ask(fullName, `/issues/comments/${id}`, 'PATCH', { body }),
    };
    return upsertComment(store, htmlMarker(marker), text);
  }
}

const listPath = (limit: number, page: number): string => `/user/repos?limit=${limit}&page=${page}`;

function words(events: port.HookEvent[]): string[] {
  return events.flatMap((event) => EVENTS[event]);
}

function hookOf({ id, active, events, config }: Json): FoundHook {
  return { id: String(id), url: config.url, active, events, lastDelivery: null };
}

const commentOf = ({ id, user, body }: Json) => ({ id: String(id), author: user?.login ?? '', text: body ?? '' });

function repositoryOf(repository: Json): port.ProviderRepository {
  return {
    id: String(repository.id),
    name: repository.name,
    fullName: repository.full_name,
    description: repository.description,
    private: repository.private,
    defaultBranch: repository.empty ? null : (repository.default_branch ?? null),
    cloneUrl: repository.clone_url,
    webUrl: repository.html_url,
  };
}

function pullRequestOf(pull: Json): port.PullRequest {
  const from = pull.head.repo;
  return {
    number: pull.number,
    title: pull.title,
    state: pull.merged ? 'merged' : pull.state,
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
