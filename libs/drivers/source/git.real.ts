/** GitSource with real git over real HTTP: what every SourceStore does, and servers that are not usual. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EgressGuard } from '#platform/egress.js';
import { fetchRequest, sourceConformance } from './conformance.js';
import { GitSource } from './git-source.js';
import { allText, GitBench } from './testing/git-bench.js';
import { commitTo } from './testing/git-work.js';

const never = new AbortController().signal;
let bench: GitBench;

beforeEach(async () => {
  bench = await GitBench.open();
});
afterEach(() => bench.close());

sourceConformance('git', () => ({
  source: bench.source,
  remote: (options) => bench.remote(options),
  commit: (url, branch, files, subject) => bench.commit(url, files, branch, subject),
  push: (repository, branch, files) => commitTo(bench.mirror(repository), branch, files),
}));

describe('servers that are not usual', () => {
  it('finds an old commit on a server that gives only what it advertises', async () => {
    const url = await bench.remote({ refuseSha: true });
    const old = await bench.commit(url, { a: '1' });
    const between = await bench.commit(url, { a: '2' });
    await bench.commit(url, { a: '3' });
    const request = fetchRequest(url);
    await bench.source.fetch(request, never);
    expect(await bench.source.fetch({ ...request, commit: old }, never)).toMatchObject({ commit: old });
    expect(await bench.source.readFile(request.repository, old, 'a')).toBe('1');
    expect(await bench.source.fetch(fetchRequest(url, { commit: between.slice(0, 8) }), never)).toMatchObject({
      commit: between,
    });
    await expect(bench.source.fetch({ ...request, commit: 'e'.repeat(40) }, never)).rejects.toMatchObject({
      code: 'commit_not_found',
    });
  });

  it('fetches from a web server that only has files', async () => {
    const url = await bench.remote({ dumb: true });
    const old = await bench.commit(url, { a: '1' });
    const head = await bench.commit(url, { a: '2' });
    expect(await bench.source.fetch(fetchRequest(url), never)).toMatchObject({ commit: head });
    expect(await bench.source.fetch(fetchRequest(url, { commit: old }), never)).toMatchObject({ commit: old });
  });

  it('follows a redirect through the guard and keeps the credentials at home', async () => {
    const auth = { username: 'someone', password: 'pass-word-123' };
    const target = await bench.remote();
    const head = await bench.commit(target, { a: '1' });
    const front = await bench.serve({ redirectTo: new URL(target).origin });
    const url = `${front.url}${new URL(target).pathname}`;
    const lines: string[] = [];
    const request = fetchRequest(url, { log: (line) => lines.push(line), branch: null });
    expect(await bench.source.fetch(request, never)).toMatchObject({ commit: head, branch: 'main' });
    expect(lines.join('\n')).toContain(target);
    const closed = await bench.remote({ auth });
    await bench.commit(closed, { a: '1' });
    front.options.redirectTo = new URL(closed).origin;
    const withLogin = fetchRequest(`${front.url}${new URL(closed).pathname}`, {
      remote: { url: `${front.url}${new URL(closed).pathname}`, credentials: auth },
    });
    await expect(bench.source.fetch(withLogin, never)).rejects.toMatchObject({ code: 'repository_auth_required' });
  });

  it.each(['http://169.254.169.254', 'http://[::1]:1'])('refuses a redirect to %s', async (redirectTo) => {
    const { url } = await bench.serve({ redirectTo });
    await expect(bench.source.fetch(fetchRequest(`${url}/a.git`), never)).rejects.toMatchObject({
      code: 'url_refused',
    });
  });

  it('refuses other schemes and addresses before anything is sent', async () => {
    for (const url of [
      `file://${bench.folder}`,
      'ssh://git@host/a.git',
      'ext::sh -c id',
      bench.folder,
      'http://127.0.0.2:1/a.git',
      'http://u:p@127.0.0.1/',
    ]) {
      await expect(bench.source.fetch(fetchRequest(url), never)).rejects.toMatchObject({ code: 'url_refused' });
    }
  });

  it('dials the address that was checked, not what the name means later', async () => {
    const url = new URL(await bench.remote());
    const head = await bench.commit(url.href, { a: '1' });
    url.hostname = 'git.test';
    const pinned = new EgressGuard({ allow: ['git.test'], deny: [], resolve: async () => ['127.0.0.1'] });
    const own = new GitSource({ dataDir: join(bench.folder, 'pinned'), guard: pinned });
    expect(await own.fetch(fetchRequest(url.href), never)).toMatchObject({ commit: head });
  });

  it('is Unavailable when nobody answers, Invalid when it is not git', async () => {
    await expect(bench.source.fetch(fetchRequest('http://127.0.0.1:1/a.git'), never)).rejects.toMatchObject({
      code: 'repository_unreachable',
      transient: true,
    });
    const url = await bench.remote({ dumb: true });
    await writeFile(join(bench.folder, 'remotes', 'page'), '<html>');
    await expect(bench.source.fetch(fetchRequest(`${new URL(url).origin}/page`), never)).rejects.toMatchObject({
      code: 'repository_not_found',
    });
  });
});

describe('credentials', () => {
  it('are in no file, log line, command line or error', async () => {
    const auth = { username: 'robot-user', password: `pw-${randomUUID()}` };
    const url = await bench.remote({ auth });
    await bench.commit(url, { a: '1' });
    const lines: string[] = [];
    const request = fetchRequest(url, { remote: { url, credentials: auth }, log: (line) => lines.push(line) });
    const seen: string[] = [];
    const [server] = bench.servers;
    if (server)
      server.options.before = async (asked) =>
        void (asked.headers.authorization && seen.push(...(await bench.processes())));
    await bench.source.fetch(request, never);
    expect(seen.join('\n')).toContain('fetch');
    for (const text of [seen.join('\n'), lines.join('\n'), await allText(bench.dataDir)]) {
      expect(text).not.toContain(auth.password);
      expect(text).not.toContain(Buffer.from(`${auth.username}:${auth.password}`).toString('base64'));
    }
  });
});
