/** Bitbucket Cloud: REST API 2.0, https://developer.atlassian.com/cloud/bitbucket/rest/. Bitbucket Data Center has another API. */
import { Invalid } from '#platform/errors.js';
import { apiAddress, fullNameOf } from './address.js';
import { pullRequestNotFound, repositoryNotFound } from './errors.js';
import { checkHook, ensureHook, type FoundHook, type HookStore } from './hooks.js';
import { type ProviderConnections, ProviderHttp } from './http.js';
import { linkMarker, upsertComment } from './own-comment.js';
import { collect, sliced } from './paging.js';
import type * as port from './port.js';
import { inPath, type Json, RepositoryCalls } from './repository-calls.js';

const MOST = 1000;
const EVENTS = {
  push: ['repo:push'],
  pull_request: ['pullrequest:created', 'pullrequest:updated', 'pullrequest:fulfilled', 'pullrequest:rejected'],
};
const STATES = {
  pending: 'INPROGRESS',
  running: 'INPROGRESS',
  success: 'SUCCESSFUL',
  failure: 'FAILED',
  cancelled: 'STOPPED',
};

export class Bitbucket implements port.GitProviderApi {
  readonly kind = 'bitbucket' as const;
  readonly credentials: { username: string; password: string };
  private readonly http: ProviderHttp;
  private readonly calls: RepositoryCalls;

  /**
   * API tokens of a user go with the e-mail address of the account, access tokens of a repository, project or workspace alone:
   * https://support.atlassian.com/bitbucket-cloud/docs/using-api-tokens/, .../using-access-tokens/ (app passwords ended on 2026-06-09).
   */
  constructor(
    private readonly account: port.ProviderAccount,
    connections: ProviderConnections,
    options: port.CallOptions,
  ) {
    const { token, username } = account;
    this.credentials = { username: username ? 'x-bitbucket-api-token-auth' : 'x-token-auth', password: token };
    const basic = Buffer.from(`${username}:${token}`).toString('base64');
    const headers = { authorization: username ? `Basic ${basic}` : `Bearer ${token}` };
    this.http = new ProviderHttp(this.kind, apiAddress(account), headers, connections, options);
    this.calls = new RepositoryCalls(this.kind, this.http, (fullName) => `/repositories/${fullName}`);
  }

  fullNameOf(url: string): string | null {
    return fullNameOf(this.account, url);
  }

  /** An access token may not read its user: 403 proves it all the same, a wrong one gets 401. */
  async check(): Promise<port.ProviderIdentity> {
    const { status, body, headers } = await this.http.call('/user', { accept: [403] });
    const scopes = headers['x-oauth-scopes'];
    return {
      login: status === 403 ? null : (body.username ?? body.display_name),
      scopes: typeof scopes === 'string' ? scopes.split(/,\s*/).filter(Boolean) : null,
      rateLimit: null,
    };
  }

  /** Lists over all workspaces ended in 2026 (CHANGE-2770), so several are read one after the other and cut into pages here. */
  async repositories(query: port.RepositoryQuery): Promise<port.RepositoryPage> {
    const workspaces = await this.workspaces();
    const [only] = workspaces;
    if (only === undefined) return { items: [], total: 0, next: null };
    if (workspaces.length === 1) return this.ofWorkspace(only, query);
    const all: port.ProviderRepository[] = [];
    for (const workspace of workspaces)
      all.push(
        ...(await collect(listPath(workspace, 100), (path) => this.page(path, repositoryOf), MOST - all.length)),
      );
    return sliced(all, query);
  }

  private async ofWorkspace(workspace: string, { search, page, limit }: port.RepositoryQuery) {
    // https://developer.atlassian.com/cloud/bitbucket/rest/intro/#filtering: ~ contains, any case.
    const filter = search ? `&q=${encodeURIComponent(`name ~ "${search.replace(/["\\]/g, '\\$&')}"`)}` : '';
    const path = `${listPath(workspace, limit)}&page=${page}${filter}`;
    const found = await this.page(path, repositoryOf);
    return { items: found.items, total: found.total, next: found.next === null ? null : page + 1 };
  }

  private async workspaces(): Promise<string[]> {
    const path = '/user/workspaces?pagelen=100';
    const { status } = await this.http.call(path, { cached: true, accept: [403, 404] });
    if (status === 403 || status === 404)
      throw new Invalid(
        'provider_cannot_list',
        'Bitbucket lets this access token see its repositories but not list them: give the URL of the repository, or use an API token with the e-mail address of its account.',
      );
    return collect(path, (page) => this.page(page, (item) => (item.workspace ?? item).slug as string), 100);
  }

  private async page<T>(path: string, map: (item: Json) => T, fullName?: string) {
    const { status, body } = await this.http.call(path, { cached: true, accept: fullName ? [404] : [] });
    if (status === 404) throw repositoryNotFound(this.kind, fullName ?? '');
    return { items: body.values.map(map) as T[], next: body.next ?? null, total: body.size ?? null };
  }

  async repository(fullName: string): Promise<port.ProviderRepository> {
    return repositoryOf(await this.calls.ask(fullName, ''));
  }

  async head(fullName: string, branch: string): Promise<string | null> {
    const found = await this.calls.find(fullName, `/refs/branches/${inPath(branch)}`);
    if (!found) await this.repository(fullName);
    return found?.target.hash ?? null;
  }

  ensureHook(fullName: string, hook: port.HookSpec) {
    return ensureHook(this.hooks(fullName), hook);
  }

  checkHook(fullName: string, hook: Pick<port.HookSpec, 'id' | 'url' | 'events'>) {
    return checkHook(this.hooks(fullName), hook);
  }

  async removeHook(fullName: string, id: string): Promise<void> {
    await this.calls.act(fullName, `/hooks/${encodeURIComponent(id)}`, 'DELETE');
  }

  async testHook(): Promise<port.HookTest> {
    const advice =
      'Bitbucket cannot send a test: push a commit, and see View requests of the webhook in the repository.';
    return { outcome: 'unsupported', status: null, advice };
  }

  private hooks(fullName: string): HookStore {
    const bodyOf = ({ url, secret, events }: port.HookSpec) => ({
      description: 'Containr',
      url,
      secret,
      active: true,
      skip_cert_verification: false,
      events: words(events),
    });
    const path = `/repositories/${fullName}/hooks?pagelen=100`;
    return {
      words,
      list: () => collect(path, (page) => this.page(page, hookOf, fullName), 300),
      create: async (spec) => (await this.calls.ask(fullName, '/hooks', 'POST', bodyOf(spec))).uuid,
      update: async (id, spec) =>
        void (await this.calls.ask(fullName, `/hooks/${encodeURIComponent(id)}`, 'PUT', bodyOf(spec))),
      remove: (id) => this.removeHook(fullName, id),
    };
  }

  async setStatus(fullName: string, commit: string, status: port.CommitStatus): Promise<void> {
    await this.calls.ask(fullName, `/commit/${commit}/statuses/build`, 'POST', {
      key: status.context.slice(0, 40),
      name: status.context,
      state: STATES[status.state],
      description: status.description.slice(0, 255),
      url: status.targetUrl,
    });
  }

  async pullRequest(fullName: string, number: number): Promise<port.PullRequest> {
    const pull = await this.calls.find(fullName, `/pullrequests/${number}`);
    if (!pull) throw pullRequestNotFound(fullName, number);
    return this.whole(pullRequestOf(this.account, pull));
  }

  async openPullRequests(fullName: string): Promise<port.PullRequest[]> {
    const path = `/repositories/${fullName}/pullrequests?state=OPEN&sort=-created_on&pagelen=50`;
    const map = (pull: Json) => pullRequestOf(this.account, pull);
    const found = await collect(path, (page) => this.page(page, map, fullName), 300);
    return Promise.all(found.map((pull) => this.whole(pull)));
  }

  /** Bitbucket names the head of a pull request by its first 12 digits only. */
  private async whole(pull: port.PullRequest): Promise<port.PullRequest> {
    const { fullName, commit } = pull.head;
    if (fullName === null || commit === '' || commit.length === 40) return pull;
    const found = await this.calls.find(fullName, `/commit/${commit}`);
    return { ...pull, head: { ...pull.head, commit: found?.hash ?? commit } };
  }

  upsertComment(fullName: string, number: number, marker: string, text: string): Promise<{ id: string }> {
    const path = `/pullrequests/${number}/comments`;
    const bodyOf = (raw: string) => ({ content: { raw } });
    const comments = `/repositories/${fullName}${path}?pagelen=100&q=${encodeURIComponent('deleted = false')}`;
    const store = {
      // Access tokens may not ask who they are: their comments are those that carry the marker.
      self: async () => {
        const { status, body } = await this.http.call('/user', { accept: [403] });
        return status === 403 ? TOKEN_AUTHOR : body.uuid;
      },
      list: () => collect(comments, (page) => this.page(page, commentOf, fullName), 1000),
      create: async (raw: string) => String((await this.calls.ask(fullName, path, 'POST', bodyOf(raw))).id),
      update: (id: string, raw: string) => this.calls.ask(fullName, `${path}/${id}`, 'PUT', bodyOf(raw)),
    };
    return upsertComment(store, linkMarker(marker), text);
  }
}

/** Users that stand for access tokens have the type app_user: developer.atlassian.com, "Access tokens". */
const TOKEN_AUTHOR = 'app_user';

const listPath = (workspace: string, limit: number): string =>
  `/repositories/${encodeURIComponent(workspace)}?role=member&sort=slug&pagelen=${limit}`;

function words(events: port.HookEvent[]): string[] {
  return events.flatMap((event) => EVENTS[event]);
}

function hookOf({ uuid, url, active, events }: Json): FoundHook {
  return { id: uuid, url, active, events, lastDelivery: null };
}

const commentOf = ({ id, user, content }: Json) => ({
  id: String(id),
  author: user?.type === TOKEN_AUTHOR ? TOKEN_AUTHOR : (user?.uuid ?? ''),
  text: content?.raw ?? '',
});

function repositoryOf(repository: Json): port.ProviderRepository {
  const { links } = repository;
  // The HTTPS address carries the reader's user name.
  const clone = new URL(links.clone.find(({ name }: Json) => name === 'https').href);
  clone.username = '';
  return {
    id: repository.uuid,
    name: repository.slug,
    fullName: repository.full_name,
    description: repository.description || null,
    private: repository.is_private,
    defaultBranch: repository.mainbranch?.name ?? null,
    cloneUrl: clone.href,
    webUrl: links.html.href,
  };
}

function pullRequestOf(account: port.ProviderAccount, pull: Json): port.PullRequest {
  const { source, destination } = pull;
  const from = source.repository?.full_name ?? null;
  const states: Record<string, port.PullRequest['state']> = { OPEN: 'open', MERGED: 'merged' };
  return {
    number: pull.id,
    title: pull.title,
    state: states[pull.state] ?? 'closed',
    draft: pull.draft ?? false,
    author: pull.author?.nickname ?? pull.author?.display_name ?? '',
    webUrl: pull.links.html.href,
    head: {
      commit: source.commit?.hash ?? '',
      branch: source.branch.name,
      fullName: from,
      cloneUrl: from && `${account.baseUrl ?? 'https://bitbucket.org'}/${from}.git`,
    },
    base: destination.branch.name,
    isFork: from !== destination.repository.full_name,
  };
}
