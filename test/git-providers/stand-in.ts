/**
 * A git provider played by a small server that behaves as its documentation says: an API with paging, rate limits and ETags, real git over
 * HTTP, and hooks that it really delivers after a push, signed, with its own retry rules.
 */
import { createHash, randomUUID } from 'node:crypto';
import { cp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import type { FakeFiles } from '#drivers/source/fake.js';
import { runBackend } from '#drivers/source/testing/git-server.js';
import { git } from '#drivers/source/testing/git-work.js';
import { Deliveries } from './deliveries.js';
import type { Delivery, Dialect, Reply } from './dialect.js';
import { changesBetween, type Json, type Pull, type RefChange, Repository, refsOf, type User } from './repository.js';
import type { Seeds } from './seeds.js';

interface Token {
  user: User;
  expired: boolean;
  /** False: Bitbucket's access tokens, which may not ask who they are. */
  mayReadUser: boolean;
}

export interface StandInAccount {
  login: string;
  token: string;
  email: string;
}

export class StandIn {
  readonly users = new Map<string, User>();
  readonly repositories: Repository[] = [];
  /** Every API request so far: `GET /user 200`. */
  readonly requests: string[] = [];
  /** Receivers that Gitea calls: `*`, or `external` as is its default, which refuses private and loopback addresses. */
  allowedHosts: '*' | 'external' = '*';
  private readonly hooks: Deliveries;
  private readonly tokens = new Map<string, Token>();
  private limit: { left: number; resetAt: number } | null = null;
  private ids = 100;

  constructor(
    readonly dialect: Dialect,
    /** Web address. */
    readonly baseUrl: string,
    private readonly root: string,
    private readonly seeds: Seeds,
  ) {
    this.hooks = new Deliveries(dialect, () => this.allowedHosts);
  }

  get kind() {
    return this.dialect.kind;
  }

  /** Attempts so far, oldest first. */
  get deliveries(): Delivery[] {
    return this.hooks.log;
  }

  nextId(): number {
    this.ids += 1;
    return this.ids;
  }

  /** A user with a token. */
  user(login: string, { mayReadUser = true } = {}): StandInAccount {
    const email = `${login}@example.test`;
    const user = this.users.get(login) ?? { id: this.nextId(), login, email };
    this.users.set(login, user);
    return { login, email, token: this.token(login, { mayReadUser }) };
  }

  token(login: string, { mayReadUser = true } = {}): string {
    const user = this.users.get(login);
    if (!user) throw new Error(`no user ${login}`);
    const token = `tok-${randomUUID()}`;
    this.tokens.set(token, { user, expired: false, mayReadUser });
    return token;
  }

  expireToken(token: string): void {
    const known = this.tokens.get(token);
    if (known) known.expired = true;
  }

  /** After `left` more requests the API refuses, for `seconds`; null: no limit any more. */
  limitRate(limit: { left: number; seconds: number } | null): void {
    this.limit = limit && { left: limit.left, resetAt: Date.now() + limit.seconds * 1000 };
  }

  /** @param files of its first commit; without them it stays empty. */
  async createRepo(
    fullName: string,
    { isPrivate = true, files }: { isPrivate?: boolean; files?: FakeFiles } = {},
  ): Promise<Repository> {
    const owner = fullName.split('/')[0] ?? '';
    if (!this.users.has(owner)) this.user(owner);
    const folder = path.join(this.root, this.kind, `${fullName}.git`);
    await cp(await this.seeds.of(files), folder, { recursive: true });
    const credentials = () => ({ username: this.dialect.gitUser ?? owner, password: this.token(owner) });
    const url = `${this.baseUrl}/${fullName}.git`;
    const repository = new Repository(this.nextId(), fullName, isPrivate, folder, url, credentials);
    this.repositories.push(repository);
    return repository;
  }

  async fork(repository: Repository, owner: string): Promise<Repository> {
    const copy = await this.createRepo(`${owner}/${repository.name}`, { isPrivate: repository.isPrivate });
    await rm(copy.folder, { recursive: true });
    await cp(repository.folder, copy.folder, { recursive: true });
    repository.members.add(owner);
    return copy;
  }

  find(fullName: string, user?: User): Repository | null {
    const found = this.repositories.find((one) => one.fullName.toLowerCase() === fullName.toLowerCase());
    return found && (!user || this.mayRead(found, user)) ? found : null;
  }

  mayRead(repository: Repository, user: User | null): boolean {
    if (!repository.isPrivate) return true;
    return user !== null && (repository.owner.split('/')[0] === user.login || repository.members.has(user.login));
  }

  /** What a user owns or was let into. */
  visibleTo(user: User): Repository[] {
    const own = (one: Repository) => one.owner.split('/')[0] === user.login || one.members.has(user.login);
    return this.repositories.filter(own).sort((a, b) => (a.fullName < b.fullName ? -1 : 1));
  }

  /** @param from a fork, or the repository itself. */
  async openPull(
    repository: Repository,
    {
      from = repository,
      branch,
      base = 'main',
      title = 'A change',
    }: { from?: Repository; branch: string; base?: string; title?: string },
  ): Promise<Pull> {
    const author = this.users.get(from.owner.split('/')[0] ?? '') as User;
    const commit = (await from.head(branch)) ?? '';
    const number = repository.pulls.length + 1;
    const createdAt = new Date().toISOString();
    const pull: Pull = {
      id: this.nextId(),
      number,
      title,
      state: 'open',
      author,
      from,
      branch,
      commit,
      base,
      createdAt,
    };
    repository.pulls.push(pull);
    await this.keepPullRef(repository, pull);
    this.hooks.send(repository, this.dialect.pullChanged(repository, pull, 'opened', this));
    return pull;
  }

  closePull(repository: Repository, number: number, { merged = false } = {}): void {
    const pull = repository.pulls[number - 1];
    if (!pull) throw new Error(`no pull request ${number}`);
    pull.state = merged ? 'merged' : 'closed';
    this.hooks.send(repository, this.dialect.pullChanged(repository, pull, 'closed', this));
  }

  /** Every delivery under way has ended, retries included. */
  settled(): Promise<void> {
    return this.hooks.settled();
  }

  /** By a person, or the provider's API. */
  redeliver(id: string): Promise<void> {
    return this.hooks.redeliver(id);
  }

  /** A test delivery as the provider makes one. @returns what the receiver answered */
  deliver(repository: Repository, hook: Delivery['hook'], event: Delivery['event']): Promise<Delivery> {
    return this.hooks.deliver(repository, hook, event);
  }

  /** As `deliver`, after the answer to whoever asked for it. */
  sendLater(repository: Repository, hook: Delivery['hook'], event: Delivery['event']): void {
    void this.hooks.track(this.hooks.deliver(repository, hook, event));
  }

  /** @param below path after the prefix of this provider */
  async answer(below: string, query: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { api } = this.dialect;
    if (below.startsWith(`${api}/`)) return this.answerApi(below.slice(api.length), query, request, response);
    return this.answerGit(below, query, request, response);
  }

  private async answerApi(
    below: string,
    query: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const body = await readJson(request);
    const result = await this.route(below, query, request, body);
    const resetAt = Math.ceil((this.limit?.resetAt ?? Date.now() + 3_600_000) / 1000);
    const rate = this.dialect.rateHeaders(5000, this.limit?.left ?? 4999, resetAt);
    const text = result.body === undefined ? '' : JSON.stringify(result.body);
    const headers: Record<string, string> = { 'content-type': 'application/json', ...rate, ...result.headers };
    if (this.dialect.etags && request.method === 'GET' && result.status === 200)
      headers.etag = `W/"${createHash('sha256').update(text).digest('hex')}"`;
    const same = headers.etag !== undefined && request.headers['if-none-match'] === headers.etag;
    const status = same ? 304 : result.status;
    if (status !== 304 && this.limit) this.limit.left = Math.max(0, this.limit.left - 1);
    this.requests.push(`${request.method} ${below} ${status}`);
    response.writeHead(status, headers).end(same ? undefined : text);
  }

  private async route(below: string, query: string, request: IncomingMessage, body: Json): Promise<Reply> {
    const { dialect } = this;
    if (this.limit && Date.now() >= this.limit.resetAt) this.limit = null;
    if (this.limit?.left === 0)
      return dialect.limited(Math.max(1, Math.ceil((this.limit.resetAt - Date.now()) / 1000)));
    const given = dialect.tokenOf(request.headers);
    const user = given && this.userOf(given);
    if (!user) return dialect.unauthorized;
    for (const [method, pattern, answer] of dialect.routes) {
      const match = method === request.method ? pattern.exec(below) : null;
      const params = match?.slice(1).map((part) => decodeURIComponent(part ?? ''));
      const url = this.baseUrl + dialect.api + below;
      const { mayReadUser = false } = this.tokens.get(given.token) ?? {};
      if (params)
        return answer({ standIn: this, user, mayReadUser, params, query: new URLSearchParams(query), body, url });
    }
    return dialect.notFound;
  }

  private userOf({ token, email }: { token: string; email?: string }): User | null {
    const known = this.tokens.get(token);
    if (!known || known.expired) return null;
    return email === undefined || email === known.user.email ? known.user : null;
  }

  private async answerGit(
    below: string,
    query: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const [, fullName = '', rest = ''] = below.match(/^\/(.+?)\.git(\/.*)$/) ?? [];
    const user = this.gitUser(request);
    const repository = this.find(fullName);
    const readable = repository && this.mayRead(repository, user ?? null);
    const pushes = rest === '/git-receive-pack' || query.includes('git-receive-pack');
    // As all four do: without a login nothing is told, with one that may not read it there is no such repository.
    if (user === null || (user === undefined && (pushes || !readable)))
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('Invalid credentials');
    if (!repository || !readable) return void response.writeHead(404).end('Not found');
    const call = { root: this.root, path: `/${this.kind}/${repository.fullName}.git${rest}`, query, user: user?.login };
    if (rest !== '/git-receive-pack') return runBackend(call, request, response);
    // Tracked from its beginning: `git push` ends before the hooks are sent.
    await this.hooks.track(this.receive(repository, user as User, () => runBackend(call, request, response)));
  }

  private async receive(repository: Repository, pusher: User, run: () => Promise<void>): Promise<void> {
    const before = await refsOf(repository.folder);
    await run();
    await this.received(repository, changesBetween(before, await refsOf(repository.folder)), pusher);
  }

  /** undefined: no login was sent; null: a wrong one. */
  private gitUser(request: IncomingMessage): User | null | undefined {
    const [, encoded] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    if (encoded === undefined) return undefined;
    const [username = '', token = ''] = Buffer.from(encoded, 'base64').toString('utf8').split(/:(.*)/s);
    const { gitUser } = this.dialect;
    if (username === '' || (gitUser !== null && username !== gitUser && !username.startsWith('x-'))) return null;
    return this.userOf({ token });
  }

  private async received(repository: Repository, changes: RefChange[], pusher: User): Promise<void> {
    if (changes.length === 0) return;
    this.hooks.send(repository, await this.dialect.pushed(repository, changes, pusher, this));
    for (const target of this.repositories)
      for (const pull of target.pulls) await this.follow(target, pull, repository, changes);
  }

  private async follow(target: Repository, pull: Pull, from: Repository, changes: RefChange[]): Promise<void> {
    const change = changes.find(({ ref }) => ref === `refs/heads/${pull.branch}`);
    if (pull.from !== from || pull.state !== 'open' || !change || /^0+$/.test(change.after)) return;
    pull.commit = change.after;
    await this.keepPullRef(target, pull);
    this.hooks.send(target, this.dialect.pullChanged(target, pull, 'updated', this));
  }

  /** refs/pull/N/head and its kin: the head of a fork can be fetched from the repository itself. */
  private async keepPullRef(repository: Repository, pull: Pull): Promise<void> {
    const refs = { github: 'refs/pull', gitea: 'refs/pull', gitlab: 'refs/merge-requests', bitbucket: null };
    const folder = refs[this.kind];
    if (folder)
      await git(
        repository.folder,
        'fetch',
        '--quiet',
        pull.from.folder,
        `+refs/heads/${pull.branch}:${folder}/${pull.number}/head`,
      );
  }

  async close(): Promise<void> {
    await this.settled();
    for (const repository of this.repositories) await repository.close();
  }
}

async function readJson(request: IncomingMessage): Promise<Json> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? undefined : JSON.parse(text);
}
