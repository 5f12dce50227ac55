/** GitSource's mirrors on real git: aborts, crashes, crowds, contents, pruning and the built-in remote. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchRequest, filesOf, readTar } from './conformance.js';
import { GitSource } from './git-source.js';
import { archives, GitBench, guard, until } from './testing/git-bench.js';
import { startGitServer } from './testing/git-server.js';
import { commitTo, git } from './testing/git-work.js';

const never = new AbortController().signal;
let bench: GitBench;

beforeEach(async () => {
  bench = await GitBench.open();
});
afterEach(() => bench.close());

describe('abort, crashes and crowds', () => {
  it('ends git and its children at once when aborted in the middle of a silent server', async () => {
    const server = await bench.serve({ hang: true });
    const abort = new AbortController();
    const reason = new Error('cancelled');
    const fetching = bench.source.fetch(fetchRequest(`${server.url}/a.git`), abort.signal);
    fetching.catch(() => undefined);
    await until(() => server.requests.length > 0);
    const aborted = Date.now();
    abort.abort(reason);
    await expect(fetching).rejects.toBe(reason);
    expect(Date.now() - aborted).toBeLessThan(20_000);
    expect(await bench.processes()).toEqual([]);
  });

  it('lets many fetches into one mirror pass, one after another', async () => {
    const url = await bench.remote();
    const commits: string[] = [];
    for (let index = 0; index < 6; index++) commits.push(await bench.commit(url, { a: String(index) }));
    const { repository } = fetchRequest(url);
    const other = new GitSource({ dataDir: bench.dataDir, guard });
    const all = commits.map((id, index) =>
      (index % 2 ? other : bench.source).fetch(fetchRequest(url, { repository, commit: id }), never),
    );
    expect((await Promise.all(all)).map((each) => each.commit)).toEqual(commits);
    expect(await git(bench.mirror(repository), 'fsck', '--strict')).toBe('');
    for (const [index, id] of commits.entries())
      expect(await bench.source.readFile(repository, id, 'a')).toBe(String(index));
  });

  it('gets over lock files that a killed git left', async () => {
    const url = await bench.remote();
    await bench.commit(url, { a: '1' });
    const request = fetchRequest(url);
    await bench.source.fetch(request, never);
    const next = await bench.commit(url, { a: '2' });
    await writeFile(join(bench.mirror(request.repository), 'shallow.lock'), '');
    expect(await bench.source.fetch(request, never)).toMatchObject({ commit: next });
  });

  it('gets over a fetch that outlived its killed platform', async () => {
    const url = await bench.remote();
    await bench.commit(url, { a: '1' });
    const request = fetchRequest(url);
    await bench.source.fetch(request, never);
    const next = await bench.commit(url, { a: '2' });
    const path = bench.mirror(request.repository);
    await writeFile(join(path, 'shallow.lock'), '');
    const orphan = spawn('sleep', ['60'], { cwd: path, env: { PATH: '/usr/bin:/bin', CONTAINR_GIT_REPOSITORY: path } });
    const ended = new Promise((resolve) => orphan.on('close', (_code, signal) => resolve(signal)));
    expect(await bench.source.fetch(request, never)).toMatchObject({ commit: next });
    expect(await ended).toBe('SIGKILL');
  });

  it('waits for the lock only as long as the caller does', async () => {
    const hanging = await bench.serve({ hang: true });
    const { repository } = fetchRequest(hanging.url);
    const first = new AbortController();
    const second = new AbortController();
    const one = bench.source.fetch(fetchRequest(`${hanging.url}/a.git`, { repository }), first.signal);
    await until(() => hanging.requests.length > 0);
    const two = bench.source.fetch(fetchRequest(`${hanging.url}/a.git`, { repository }), second.signal);
    second.abort(new Error('second'));
    await expect(two).rejects.toThrow('second');
    first.abort(new Error('first'));
    await expect(one).rejects.toThrow('first');
  });

  it('ends git when a context is not read to its end', async () => {
    const url = await bench.remote();
    const id = await bench.commit(url, { big: 'x'.repeat(20_000_000), '.dockerignore': 'nothing' });
    const request = fetchRequest(url);
    await bench.source.fetch(request, never);
    const context = { repository: request.repository, commit: id, rootDirectory: '', dockerfile: 'Dockerfile' };
    const stream = await bench.source.context(context, never);
    await new Promise((resolve) => stream.once('readable', resolve));
    stream.destroy();
    await until(async () => !(await archives(request.repository)));
    const abort = new AbortController();
    const aborted = await bench.source.context(context, abort.signal);
    const failed = new Promise((resolve) => aborted.on('error', resolve));
    abort.abort(new Error('stop'));
    expect(await failed).toMatchObject({ message: 'stop' });
    await until(async () => !(await archives(request.repository)));
  });
});

describe('contents', () => {
  it("ignores the repository's own export attributes", async () => {
    const url = await bench.remote();
    const attributes = 'hidden export-ignore\nsub export-ignore\nsub/** export-ignore\nversion export-subst\n';
    const id = await bench.commit(url, {
      '.gitattributes': attributes,
      hidden: 'h',
      'sub/x': 'x',
      version: '$Format:%H$',
      'deep/.gitattributes': '* export-ignore\n',
      'deep/y': 'y',
    });
    const request = fetchRequest(url);
    await bench.source.fetch(request, never);
    const entries = await readTar(
      await bench.source.context(
        { repository: request.repository, commit: id, rootDirectory: '', dockerfile: 'Dockerfile' },
        never,
      ),
    );
    expect(filesOf(entries)).toEqual(['.gitattributes', 'deep/.gitattributes', 'deep/y', 'hidden', 'sub/x', 'version']);
    expect(entries.version?.content).toBe('$Format:%H$');
    expect(entries.hidden?.mode).toBe(0o644);
  });

  it('works on packed objects: a fetch of many files', async () => {
    const url = await bench.remote();
    const many = Object.fromEntries(
      Array.from({ length: 300 }, (_none, index) => [`dir${index % 20}/file${index}`, `content ${index}`]),
    );
    const id = await bench.commit(url, {
      ...many,
      Dockerfile: 'FROM scratch\n',
      big: 'y'.repeat(1024 * 1024 + 9),
      '.dockerignore': 'dir1*\n',
    });
    const request = fetchRequest(url);
    expect(await bench.source.fetch(request, never)).toMatchObject({ commit: id, subject: 'A commit' });
    expect(
      (await readdir(join(bench.mirror(request.repository), 'objects/pack'))).some((name) => name.endsWith('.pack')),
    ).toBe(true);
    expect(await bench.source.readFile(request.repository, id, 'dir7/file7')).toBe('content 7');
    expect((await bench.source.readFile(request.repository, id, 'big'))?.length).toBe(1024 * 1024);
    expect(await bench.source.treeId(request.repository, id, 'dir7')).toBe(
      await git(bench.bareOf(url), 'rev-parse', `${id}:dir7`),
    );
    const entries = await readTar(
      await bench.source.context(
        { repository: request.repository, commit: id, rootDirectory: '', dockerfile: 'Dockerfile' },
        never,
      ),
    );
    expect(filesOf(entries)).toHaveLength(300 - 11 * 15 + 3);
    await until(async () => (await bench.processes()).length === 0);
  });

  it('fetches the same commit again without talking to the remote', async () => {
    const url = await bench.remote();
    const id = await bench.commit(url, { a: '1' });
    const request = fetchRequest(url);
    await bench.source.fetch(request, never);
    await bench.servers[0]?.close();
    expect(await bench.source.fetch({ ...request, commit: id }, never)).toMatchObject({
      commit: id,
      subject: 'A commit',
    });
  });

  it('fetches one commit deep', async () => {
    const url = await bench.remote();
    for (const content of ['1', '2', '3']) await bench.commit(url, { a: content });
    const request = fetchRequest(url);
    const { commit: head } = await bench.source.fetch(request, never);
    expect(await git(bench.mirror(request.repository), 'rev-list', '--count', head)).toBe('1');
  });
});

describe('prune', () => {
  it('keeps what is needed through git gc and drops the rest', async () => {
    const url = await bench.remote();
    const request = fetchRequest(url);
    const commits: string[] = [];
    for (const content of ['1', '2', '3']) {
      commits.push(await bench.commit(url, { a: content }));
      await bench.source.fetch(request, never);
    }
    const [first = '', second = '', third = ''] = commits;
    const path = bench.mirror(request.repository);
    for (const entry of await readdir(join(path, 'objects'), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), 0, 0);
    }
    expect(await bench.source.prune(request.repository, [first, third])).toBe(1);
    expect(await bench.source.readFile(request.repository, first, 'a')).toBe('1');
    expect(await bench.source.readFile(request.repository, third, 'a')).toBe('3');
    await expect(bench.source.require(request.repository, second)).rejects.toMatchObject({ code: 'commit_not_found' });
    expect(await bench.source.prune(request.repository, [first, third])).toBe(0);
    expect(await bench.source.prune(randomUUID(), [])).toBe(0);
    const next = await bench.commit(url, { a: '4' });
    expect(await bench.source.fetch(request, never)).toMatchObject({ commit: next });
  });

  it('keeps a pushed commit that a force push has replaced', async () => {
    const repository = randomUUID();
    const path = await bench.source.ensureRepository(repository);
    const id = await commitTo(path, 'main', { a: '1' });
    await bench.source.require(repository, id);
    await git(path, 'update-ref', '-d', 'refs/heads/main');
    await commitTo(path, 'main', { a: '2' });
    await git(path, 'gc', '--quiet', '--prune=now');
    expect(await bench.source.readFile(repository, id, 'a')).toBe('1');
    expect(await bench.source.prune(repository, [id])).toBe(0);
    expect(await bench.source.prune(repository, [])).toBe(1);
  });
});

describe('built-in remote', () => {
  it('is a repository git accepts, hides our refs and takes no automatic gc', async () => {
    const path = await bench.source.ensureRepository(randomUUID());
    expect(await git(path, 'rev-parse', '--is-bare-repository')).toBe('true');
    expect(await git(path, 'config', 'gc.auto')).toBe('0');
    expect(await git(path, 'config', 'receive.procReceiveRefs')).toBe('refs/heads');
    const id = await commitTo(path, 'main', { a: '1' });
    await git(path, 'update-ref', `refs/containr/commits/${id}`, id);
    const server = await startGitServer({ root: join(bench.dataDir, 'repositories') });
    bench.servers.push(server);
    const listed = await git(bench.folder, 'ls-remote', `${server.url}/${path.split('/').at(-1)}`);
    expect(listed).toContain('refs/heads/main');
    expect(listed).not.toContain('refs/containr');
  });
});
