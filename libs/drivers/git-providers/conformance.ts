/** What every GitProviderApi does, run against a server that plays the provider (test/git-providers). */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Repository, StandIn, StandInAccount } from '../../../test/git-providers/index.js';
import type { CallOptions, GitProviderApi, HookSpec, ProviderAccount } from './port.js';

export interface ProviderSubject {
  standIn: StandIn;
  open(account: ProviderAccount, options?: CallOptions): GitProviderApi;
}

/** The e-mail address is what Bitbucket's API tokens need. */
export function accountOf(
  { standIn: { kind, baseUrl } }: ProviderSubject,
  { token, email }: StandInAccount,
): ProviderAccount {
  return { kind, baseUrl, token, username: kind === 'bitbucket' ? email : null };
}

/** Of a test that failed, too: a server that is left open keeps Jest from ending. */
const opened = new Set<() => Promise<unknown>>();

/** Receives deliveries. */
async function receiver() {
  const seen: { headers: Record<string, string | string[] | undefined>; body: string }[] = [];
  let status = 200;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    seen.push({ headers: request.headers, body: Buffer.concat(chunks).toString('utf8') });
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const close = () => {
    opened.delete(close);
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  opened.add(close);
  const answerWith = (next: number) => {
    status = next;
  };
  return { url, seen, answerWith };
}

export function providerConformance(name: string, subject: () => ProviderSubject): void {
  const files = { 'index.html': 'hello' };
  const person = () => `u${randomUUID().slice(0, 8)}`;

  /** A new user with one private repository. */
  async function start(options: CallOptions = {}) {
    const { standIn } = subject();
    const user = standIn.user(person());
    const repository = await standIn.createRepo(`${user.login}/app`, { files });
    const api = subject().open(accountOf(subject(), user), options);
    return { standIn, user, repository, api, fullName: repository.fullName };
  }

  const hookOf = (change: Partial<HookSpec> = {}): HookSpec => ({
    url: 'http://127.0.0.1:1/hook',
    secret: 'first secret',
    events: ['push'],
    ...change,
  });

  describe(`GitProviderApi conformance: ${name}`, () => {
    afterEach(async () => {
      for (const close of opened) await close();
    });

    it('says whose token it is, and what to do about a wrong one', async () => {
      const { standIn, user, api } = await start();
      expect(await api.check()).toMatchObject({ login: user.login });
      standIn.expireToken(user.token);
      await expect(api.check()).rejects.toMatchObject({ code: 'provider_token_refused', status: 400 });
      await expect(api.repositories({ page: 1, limit: 5 })).rejects.toMatchObject({ code: 'provider_token_refused' });
    });

    it('lists what the token sees, in pages and by part of the name', async () => {
      const { standIn, user, api, repository } = await start();
      for (let i = 0; i < 7; i++) await standIn.createRepo(`${user.login}/Shop-${i}`, { isPrivate: i % 2 === 0 });
      await standIn.createRepo(`${standIn.user(person()).login}/secret`);
      const seen: string[] = [];
      for (let page: number | null = 1; page !== null; ) {
        const found: Awaited<ReturnType<GitProviderApi['repositories']>> = await api.repositories({ page, limit: 3 });
        seen.push(...found.items.map(({ fullName }) => fullName));
        expect(found.items.length).toBeLessThanOrEqual(3);
        page = found.next;
      }
      expect(seen).toHaveLength(8);
      expect(new Set(seen).size).toBe(8);
      const shops = await api.repositories({ search: 'shop', page: 2, limit: 5 });
      expect(shops.items).toHaveLength(2);
      expect(shops.next).toBeNull();
      expect((await api.repositories({ page: 1, limit: 100 })).items).toHaveLength(8);
      const one = await api.repository(repository.fullName);
      expect(one).toMatchObject({ name: 'app', private: true, defaultBranch: 'main', cloneUrl: repository.cloneUrl });
      expect(one.webUrl).toContain(repository.fullName);
    });

    it('asks again with an ETag where there are ETags', async () => {
      const { standIn, user, api } = await start();
      const first = await api.repositories({ page: 1, limit: 5 });
      standIn.requests.splice(0);
      expect(await api.repositories({ page: 1, limit: 5 })).toEqual(first);
      const expected = standIn.dialect.etags ? / 304$/ : / 200$/;
      expect(standIn.requests.at(-1)).toMatch(expected);
      await standIn.createRepo(`${user.login}/another`);
      expect((await api.repositories({ page: 1, limit: 5 })).items).toHaveLength(2);
    });

    it('waits for a rate limit within its patience, and says how long otherwise', async () => {
      const { standIn, user, api, fullName } = await start();
      try {
        standIn.limitRate({ left: 0, seconds: 30 });
        const refusal = await api.repository(fullName).catch((error) => error);
        expect(refusal).toMatchObject({ code: 'provider_rate_limited', status: 503, transient: true });
        expect(refusal.details.retry_after_seconds).toBeGreaterThan(20);
        expect(refusal.details.retry_after_seconds).toBeLessThanOrEqual(60);
        // Bitbucket does not say how long.
        if (standIn.kind === 'bitbucket') return;
        standIn.limitRate({ left: 0, seconds: 1 });
        const patient = subject().open(accountOf(subject(), user), { patienceMs: 60_000 });
        expect((await patient.repository(fullName)).fullName).toBe(fullName);
      } finally {
        standIn.limitRate(null);
      }
    });

    it('stops waiting when it is told to', async () => {
      const { standIn, user, fullName } = await start();
      const stop = new AbortController();
      const api = subject().open(accountOf(subject(), user), { patienceMs: 3_600_000, signal: stop.signal });
      try {
        standIn.limitRate({ left: 0, seconds: 600 });
        const call = api.repository(fullName);
        stop.abort(new Error('enough'));
        await expect(call).rejects.toThrow('enough');
      } finally {
        standIn.limitRate(null);
      }
    });

    it('knows the head of a branch', async () => {
      const { repository, api, fullName } = await start();
      const commit = await repository.push({ ...files, more: '1' }, { branch: 'feature/a' });
      expect(await api.head(fullName, 'feature/a')).toBe(commit);
      expect(await api.head(fullName, 'main')).toBe(await repository.head('main'));
      expect(await api.head(fullName, 'nothing')).toBeNull();
      const missing = { code: 'provider_repository_not_found', status: 404 };
      await expect(api.head(`${fullName}-x`, 'main')).rejects.toMatchObject(missing);
      await expect(api.repository(`${fullName}-x`)).rejects.toMatchObject(missing);
      await expect(api.ensureHook(`${fullName}-x`, hookOf())).rejects.toMatchObject(missing);
    });

    it('names a repository by its URL, and no other host’s', async () => {
      const { api, fullName, repository, standIn } = await start();
      expect(api.fullNameOf(repository.cloneUrl)).toBe(fullName);
      expect(api.fullNameOf(repository.cloneUrl.replace(/\.git$/, ''))).toBe(fullName);
      expect(api.fullNameOf(`http://example.com/${fullName}.git`)).toBeNull();
      expect(api.fullNameOf(standIn.baseUrl)).toBeNull();
    });

    it('keeps one hook of a URL', async () => {
      const { api, fullName, repository } = await start();
      const made = await api.ensureHook(fullName, hookOf());
      expect(made.state).toBe('created');
      expect(repository.hooks).toMatchObject([{ url: hookOf().url, secret: 'first secret', active: true }]);
      expect(await api.ensureHook(fullName, hookOf())).toEqual({ id: made.id, state: 'unchanged' });
      expect(await api.checkHook(fullName, hookOf())).toMatchObject({ state: 'ok', id: made.id });

      const both = hookOf({ events: ['push', 'pull_request'] });
      expect(await api.checkHook(fullName, both)).toMatchObject({ state: 'different' });
      expect(await api.ensureHook(fullName, both)).toEqual({ id: made.id, state: 'repaired' });
      expect(await api.ensureHook(fullName, both)).toMatchObject({ state: 'unchanged' });

      const renewed = { ...both, secret: 'second secret', renew: true };
      expect(await api.ensureHook(fullName, renewed)).toMatchObject({ state: 'repaired' });
      expect(repository.hooks[0]?.secret).toBe('second secret');

      // The platform has moved: the hook that is known follows.
      const moved = { ...both, id: made.id, url: 'http://127.0.0.1:2/hook' };
      expect(await api.ensureHook(fullName, moved)).toEqual({ id: made.id, state: 'repaired' });
      expect(repository.hooks.map(({ url }) => url)).toEqual([moved.url]);

      repository.hooks.push({ ...(repository.hooks[0] as Repository['hooks'][0]), id: 9999, uuid: '{double}' });
      expect(await api.checkHook(fullName, moved)).toMatchObject({ state: 'different' });
      expect(await api.ensureHook(fullName, moved)).toEqual({ id: made.id, state: 'unchanged' });
      expect(repository.hooks).toHaveLength(1);

      await api.removeHook(fullName, made.id);
      await api.removeHook(fullName, made.id);
      expect(await api.checkHook(fullName, moved)).toEqual({ state: 'missing', id: null, lastDelivery: null });
    });

    it('sees that a hook was switched off', async () => {
      const { api, fullName, repository, standIn } = await start();
      const { url } = await receiver();
      await api.ensureHook(fullName, hookOf({ url }));
      for (const hook of repository.hooks)
        Object.assign(hook, standIn.kind === 'gitlab' ? { disabledUntil: '2030-01-01T00:00:00Z' } : { active: false });
      expect(await api.checkHook(fullName, hookOf({ url }))).toMatchObject({ state: 'disabled' });
      expect(await api.ensureHook(fullName, hookOf({ url }))).toMatchObject({ state: 'repaired' });
      await standIn.settled();
      expect(await api.checkHook(fullName, hookOf({ url }))).toMatchObject({ state: 'ok' });
    });

    it('has its hooks delivered after a push, signed', async () => {
      const { api, fullName, repository, standIn } = await start();
      const { url, seen } = await receiver();
      await api.ensureHook(fullName, hookOf({ url }));
      await standIn.settled();
      seen.splice(0);
      const commit = await repository.push({ ...files, two: '2' });
      await standIn.settled();
      expect(seen).toHaveLength(1);
      expect(seen[0]?.body).toContain(commit);
      expect(JSON.stringify(seen[0]?.headers)).toMatch(/signature|x-gitlab-token/);
    });

    it('tests a hook, or says that it cannot', async () => {
      const { api, fullName, standIn } = await start();
      const { url, seen, answerWith } = await receiver();
      const { id } = await api.ensureHook(fullName, hookOf({ url }));
      await standIn.settled();
      seen.splice(0);
      const test = await api.testHook(fullName, id);
      await standIn.settled();
      const outcomes = { github: 'sent', gitlab: 'delivered', bitbucket: 'unsupported', gitea: 'sent' };
      expect(test.outcome).toBe(outcomes[standIn.kind]);
      expect(seen).toHaveLength(standIn.kind === 'bitbucket' ? 0 : 1);
      if (test.outcome !== 'delivered') expect(test.advice).toMatch(/\w/);
      answerWith(404);
      if (standIn.kind === 'gitlab') expect(await api.testHook(fullName, id)).toMatchObject({ outcome: 'failed' });
      if (standIn.kind !== 'bitbucket')
        await expect(api.testHook(fullName, '424242')).rejects.toMatchObject({ code: 'provider_hook_not_found' });
    });

    it('sets the status of a commit, also twice the same', async () => {
      const { api, fullName, repository } = await start();
      const commit = (await repository.head('main')) ?? '';
      const status = { context: 'containr/web', description: 'x'.repeat(400), targetUrl: 'http://example.com/d/1' };
      for (const state of ['pending', 'running', 'running', 'success'] as const)
        await api.setStatus(fullName, commit, { ...status, state });
      const { body, commit: of } = repository.statuses.at(-1) ?? {};
      expect(of).toBe(commit);
      expect(body.state).toMatch(/^success(ful)?$/i);
      expect(body.description.length).toBeLessThanOrEqual(255);
      expect(body.target_url ?? body.url).toBe(status.targetUrl);
      await api.setStatus(fullName, commit, { ...status, state: 'failure' });
      await api.setStatus(fullName, commit, { ...status, state: 'cancelled' });
    });

    it('tells of deployments where there are any', async () => {
      const { api, fullName, repository, standIn } = await start();
      if (standIn.kind === 'bitbucket' || standIn.kind === 'gitea') return expect(api.deployments).toBeUndefined();
      const commit = (await repository.head('main')) ?? '';
      const spec = { commit, branch: 'main', environment: 'preview-1', description: 'PR 1', transient: true };
      const id = (await api.deployments?.create(fullName, spec)) ?? '';
      const change = { description: '', environmentUrl: 'http://pr-1.example.com', logUrl: null };
      for (const state of ['running', 'success', 'inactive'] as const)
        await api.deployments?.update(fullName, id, { ...change, state });
      expect(repository.deployments).toHaveLength(1);
      const told = JSON.stringify([repository.deployments, repository.environments]);
      for (const word of ['preview-1', commit, 'success', change.environmentUrl]) expect(told).toContain(word);
      expect(told).toMatch(standIn.kind === 'gitlab' ? /"stopped"/ : /"inactive"/);
    });

    it('keeps one comment of its own on a pull request', async () => {
      const { api, fullName, repository, standIn, user } = await start();
      await repository.push({ ...files, pr: '1' }, { branch: 'change' });
      const { number } = await standIn.openPull(repository, { branch: 'change' });
      const first = await api.upsertComment(fullName, number, 'containr:web', 'Building');
      expect(await api.upsertComment(fullName, number, 'containr:web', 'Live')).toEqual(first);
      expect(repository.comments).toHaveLength(1);
      expect(repository.comments[0]?.text).toMatch(/containr:web[^\n]*\n\nLive$/);
      await api.upsertComment(fullName, number, 'containr:worker', 'Another');
      expect(repository.comments).toHaveLength(2);

      // Somebody else's comment that quotes the marker is not ours to change.
      const other = standIn.users.get(standIn.user(person()).login);
      const mine = repository.comments[0];
      if (mine && other) mine.author = other;
      await api.upsertComment(fullName, number, 'containr:web', 'Once more');
      expect(repository.comments).toHaveLength(3);
      expect(repository.comments[0]?.text).toMatch(/Live$/);
      expect(repository.comments[2]?.author.login).toBe(user.login);
    });

    it('reads pull requests, also from forks', async () => {
      const { api, fullName, repository, standIn, user } = await start();
      const commit = await repository.push({ ...files, pr: '1' }, { branch: 'change' });
      const own = await standIn.openPull(repository, { branch: 'change', title: 'Mine' });
      const stranger = standIn.user(person());
      const fork = await standIn.fork(repository, stranger.login);
      repository.members.delete(stranger.login);
      fork.members.add(user.login);
      const theirs = await fork.push({ ...files, evil: '1' }, { branch: 'evil' });
      const foreign = await standIn.openPull(repository, { from: fork, branch: 'evil' });

      expect(await api.pullRequest(fullName, own.number)).toMatchObject({
        number: own.number,
        title: 'Mine',
        state: 'open',
        author: user.login,
        base: 'main',
        isFork: false,
        head: { commit, branch: 'change', fullName, cloneUrl: repository.cloneUrl },
      });
      expect(await api.pullRequest(fullName, foreign.number)).toMatchObject({
        isFork: true,
        author: stranger.login,
        head: { commit: theirs, branch: 'evil', fullName: fork.fullName, cloneUrl: fork.cloneUrl },
      });
      const next = await fork.push({ ...files, evil: '2' }, { branch: 'evil' });
      await standIn.settled();
      expect((await api.pullRequest(fullName, foreign.number)).head.commit).toBe(next);

      expect((await api.openPullRequests(fullName)).map(({ number }) => number)).toEqual([foreign.number, own.number]);
      standIn.closePull(repository, own.number, { merged: true });
      standIn.closePull(repository, foreign.number);
      expect(await api.openPullRequests(fullName)).toEqual([]);
      expect((await api.pullRequest(fullName, own.number)).state).toBe('merged');
      expect((await api.pullRequest(fullName, foreign.number)).state).toBe('closed');
      await expect(api.pullRequest(fullName, 99)).rejects.toMatchObject({ code: 'pull_request_not_found' });
    });

    it('says when an address is not its API, or nobody is there', async () => {
      const { user, standIn } = await start();
      const account = accountOf(subject(), user);
      const elsewhere = subject().open({ ...account, baseUrl: new URL(standIn.baseUrl).origin });
      await expect(elsewhere.check()).rejects.toMatchObject({ code: 'provider_address_wrong', status: 400 });
      const nobody = subject().open({ ...account, baseUrl: 'http://127.0.0.1:1' });
      await expect(nobody.check()).rejects.toMatchObject({ code: 'provider_unavailable', transient: true });
      const refused = subject().open({ ...account, baseUrl: 'http://169.254.169.254' });
      await expect(refused.check()).rejects.toMatchObject({ code: 'url_refused' });
    });
  });
}
