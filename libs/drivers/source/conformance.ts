/** What every SourceStore does, run against the fake and against real git over HTTP. */
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import type { FakeFiles } from './fake.js';
import type { ContextRequest, FetchRequest, SourceStore } from './port.js';

export interface SourceSubject {
  source: SourceStore;
  /** A new empty remote; its URL. */
  remote(options?: { auth?: { username: string; password: string } }): Promise<string>;
  commit(url: string, branch: string, files: FakeFiles, subject?: string): Promise<string>;
  push(repository: string, branch: string, files: FakeFiles): Promise<string>;
}

const never = new AbortController().signal;

export interface TarEntry {
  type: string;
  content: string;
  linkname: string | null;
  mode: number;
}

/** Path (without trailing `/`) -> entry. */
export async function readTar(stream: Readable): Promise<Record<string, TarEntry>> {
  const entries: Record<string, TarEntry> = {};
  const archive = extract();
  stream.on('error', (error) => archive.destroy(error));
  stream.pipe(archive);
  for await (const entry of archive) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const { name, type, linkname, mode } = entry.header;
    const content = Buffer.concat(chunks).toString('utf8');
    entries[name.replace(/\/$/, '')] = { type: type ?? '', content, linkname: linkname ?? null, mode: mode ?? 0 };
  }
  return entries;
}

export const filesOf = (entries: Record<string, TarEntry>): string[] =>
  Object.keys(entries)
    .filter((name) => entries[name]?.type !== 'directory')
    .sort();

export function fetchRequest(url: string, change: Partial<FetchRequest> = {}): FetchRequest {
  return { repository: randomUUID(), remote: { url }, branch: 'main', commit: null, log: () => undefined, ...change };
}

export function sourceConformance(name: string, subject: () => SourceSubject): void {
  const files: FakeFiles = {
    Dockerfile: 'FROM scratch\n',
    'app/main.js': 'one',
    'app/deep/x.txt': 'x',
    'run.sh': 'echo',
  };
  const start = async (more: FakeFiles = {}) => {
    const url = await subject().remote();
    const commit = await subject().commit(url, 'main', { ...files, ...more }, 'First words\n\nbody');
    const request = fetchRequest(url);
    const fetched = await subject().source.fetch(request, never);
    return { url, commit, request, fetched, repository: request.repository, source: subject().source };
  };
  const contextOf = async (repository: string, commit: string, change: Partial<ContextRequest> = {}) =>
    readTar(
      await subject().source.context(
        { repository, commit, rootDirectory: '', dockerfile: 'Dockerfile', ...change },
        never,
      ),
    );

  describe(`SourceStore conformance: ${name}`, () => {
    it('fetches the head of a branch and names it', async () => {
      const { fetched, commit } = await start();
      expect(fetched).toMatchObject({ commit, branch: 'main' });
      expect(fetched.subject.split('\n')[0]).toBe('First words');
    });

    it('fetches the default branch and says which it is', async () => {
      const { url, commit, source } = await start();
      expect(await source.fetch(fetchRequest(url, { branch: null }), never)).toMatchObject({ commit, branch: 'main' });
    });

    it('fetches an older commit by its id, full or short, while the branch has moved on', async () => {
      const { url, commit, source } = await start();
      const later = await subject().commit(url, 'main', { ...files, 'new.txt': 'n' });
      expect(await source.fetch(fetchRequest(url, { commit }), never)).toMatchObject({ commit });
      expect(await source.fetch(fetchRequest(url, { commit: commit.slice(0, 12) }), never)).toMatchObject({ commit });
      expect(await source.fetch(fetchRequest(url, { commit: commit.toUpperCase() }), never)).toMatchObject({ commit });
      expect(await source.fetch(fetchRequest(url), never)).toMatchObject({ commit: later });
    });

    it('sees a new commit in a mirror it already has, and keeps the old one', async () => {
      const { url, request, commit, repository, source } = await start();
      const next = await subject().commit(url, 'main', { ...files, 'app/main.js': 'two' });
      expect(await source.fetch(request, never)).toMatchObject({ commit: next });
      expect(await source.readFile(repository, next, 'app/main.js')).toBe('two');
      expect(await source.readFile(repository, commit, 'app/main.js')).toBe('one');
      expect(await source.require(repository, commit)).toMatchObject({ commit });
    });

    it('refuses an unknown branch, naming those that exist, and an empty repository', async () => {
      const { url, source } = await start();
      await subject().commit(url, 'develop', files);
      await expect(source.fetch(fetchRequest(url, { branch: 'nope' }), never)).rejects.toMatchObject({
        code: 'branch_not_found',
        status: 400,
        message: expect.stringMatching(/nope.*(develop, main|main, develop)/s),
      });
      const empty = await subject().remote();
      await expect(source.fetch(fetchRequest(empty), never)).rejects.toMatchObject({ code: 'repository_empty' });
      await expect(source.fetch(fetchRequest(empty, { branch: null }), never)).rejects.toMatchObject({
        code: 'repository_empty',
      });
    });

    it('refuses an unknown commit and what is no commit', async () => {
      const { url, source } = await start();
      const unknown = fetchRequest(url, { commit: 'deadbeef'.repeat(5) });
      await expect(source.fetch(unknown, never)).rejects.toMatchObject({ code: 'commit_not_found', status: 400 });
      for (const commit of ['abc', 'HEAD', 'main', '--all', 'g'.repeat(40), 'deadbee']) {
        await expect(source.fetch(fetchRequest(url, { commit }), never)).rejects.toMatchObject({
          code: 'commit_invalid',
        });
      }
    });

    it('refuses names that git would not take as a branch', async () => {
      const { url, source } = await start();
      for (const branch of [
        '',
        '-x',
        '--upload-pack=x',
        'a..b',
        'a b',
        'a.lock',
        'x~1',
        'a\nb',
        'a:b',
        '@',
        '/a',
        'a/',
        'a//b',
        '.a',
      ]) {
        await expect(source.fetch(fetchRequest(url, { branch }), never)).rejects.toMatchObject({
          code: 'branch_invalid',
        });
      }
    });

    it('asks for a login and takes the right one', async () => {
      const auth = { username: 'someone', password: 'pass-word-123' };
      const url = await subject().remote({ auth });
      const commit = await subject().commit(url, 'main', files);
      const { source } = subject();
      await expect(source.fetch(fetchRequest(url), never)).rejects.toMatchObject({ code: 'repository_auth_required' });
      const wrong = { url, credentials: { ...auth, password: 'wrong-pass-1' } };
      const refused = source.fetch(fetchRequest(url, { remote: wrong }), never);
      await expect(refused).rejects.toMatchObject({
        code: 'repository_auth_required',
        message: expect.not.stringContaining('wrong-pass-1'),
      });
      expect(await source.fetch(fetchRequest(url, { remote: { url, credentials: auth } }), never)).toMatchObject({
        commit,
      });
    });

    it('says when there is no repository at the URL', async () => {
      const url = await subject().remote();
      await expect(subject().source.fetch(fetchRequest(`${url}x`), never)).rejects.toMatchObject({
        code: 'repository_not_found',
      });
    });

    it('lists refs of a remote without fetching', async () => {
      const { url, commit, source } = await start();
      const other = await subject().commit(url, 'other/branch', files);
      const listed = await source.remoteRefs(
        { url },
        ['HEAD', 'refs/heads/other/branch', 'refs/heads/no', 'refs/tags/no'],
        never,
      );
      expect(listed.defaultBranch).toBe('main');
      expect(Object.fromEntries(listed.refs)).toEqual({ HEAD: commit, 'refs/heads/other/branch': other });
      await expect(source.remoteRefs({ url: `${url}x` }, ['HEAD'], never)).rejects.toMatchObject({
        code: 'repository_not_found',
      });
    });

    it('names the paths that differ between two commits, and the whole message', async () => {
      const { url, commit, request, repository, source } = await start();
      const { Dockerfile: _, ...rest } = files;
      const next = await subject().commit(
        url,
        'main',
        { ...rest, 'app/main.js': 'two', 'ünicode name': 'u' },
        'Subject\n\nBody',
      );
      expect(await source.changedPaths(repository, commit, next)).toBeNull();
      await source.fetch(request, never);
      const changed = await source.changedPaths(repository, commit, next);
      expect(changed?.sort()).toEqual(['Dockerfile', 'app/main.js', 'ünicode name']);
      expect(await source.changedPaths(repository, next, next)).toEqual([]);
      expect(await source.changedPaths(randomUUID(), commit, next)).toBeNull();
      expect((await source.message(repository, next)).trim()).toBe('Subject\n\nBody');
    });

    it('gives equal trees equal ids', async () => {
      const { url, commit, request, repository, source } = await start();
      const same = await subject().commit(url, 'main', { ...files, 'readme.md': 'new' });
      await source.fetch(request, never);
      expect(await source.treeId(repository, same, 'app')).toBe(await source.treeId(repository, commit, 'app'));
      expect(await source.treeId(repository, same, '')).not.toBe(await source.treeId(repository, commit, ''));
      expect(await source.treeId(repository, commit, './app/')).toBe(await source.treeId(repository, commit, 'app'));
    });

    it.each([
      ['/app', 'root_directory_not_found'],
      ['../x', 'root_directory_not_found'],
      ['app/../app', 'root_directory_not_found'],
      ['app//deep', 'root_directory_not_found'],
      ['nothere', 'root_directory_not_found'],
      ['app/nothere', 'root_directory_not_found'],
      ['run.sh', 'root_directory_not_a_directory'],
      ['outside', 'root_directory_not_a_directory'],
      ['module', 'root_directory_not_a_directory'],
      ['app/main.js/x', 'root_directory_not_a_directory'],
    ])('refuses root directory %s: %s', async (rootDirectory, code) => {
      const { repository, commit, source } = await start({
        outside: { link: '/etc' },
        module: { submodule: 'a'.repeat(40) },
      });
      await expect(source.treeId(repository, commit, rootDirectory)).rejects.toMatchObject({ code, status: 400 });
      const context = { repository, commit, rootDirectory, dockerfile: 'Dockerfile' };
      await expect(source.context(context, never)).rejects.toMatchObject({ code });
    });

    it('reads regular files only', async () => {
      const { repository, commit, source } = await start({
        passwd: { link: '/etc/passwd' },
        big: 'x'.repeat(1024 * 1024 + 5),
      });
      expect(await source.readFile(repository, commit, 'app/main.js')).toBe('one');
      expect(await source.readFile(repository, commit, 'app')).toBeNull();
      expect(await source.readFile(repository, commit, 'nothere')).toBeNull();
      expect(await source.readFile(repository, commit, 'passwd')).toBeNull();
      const names = ['app/main.js', 'app/deep/x.txt', 'app', 'nothere', 'passwd', '../x', 'big', 'Dockerfile'];
      const several = await source.readFiles(repository, commit, '', names);
      expect(Object.keys(several).sort()).toEqual(['Dockerfile', 'app/deep/x.txt', 'app/main.js', 'big']);
      expect(several.big?.length).toBe(1024 * 1024);
      expect(await source.readFiles(repository, commit, 'app', ['main.js', 'Dockerfile'])).toEqual({
        'main.js': 'one',
      });
      expect(await source.readFile(repository, commit, '../Dockerfile')).toBeNull();
      expect((await source.readFile(repository, commit, 'big'))?.length).toBe(1024 * 1024);
    });

    it('gives the whole tree as a tar, links as links', async () => {
      const { repository, commit } = await start({ link: { link: 'run.sh' } });
      const entries = await contextOf(repository, commit);
      expect(filesOf(entries)).toEqual(['Dockerfile', 'app/deep/x.txt', 'app/main.js', 'link', 'run.sh']);
      expect(entries.link).toMatchObject({ type: 'symlink', linkname: 'run.sh' });
      expect(entries['app/main.js']).toMatchObject({ content: 'one' });
      expect((entries['run.sh']?.mode ?? 0) & 0o111).not.toBe(0);
    });

    it('gives a folder as its own root, and an ignored Dockerfile all the same', async () => {
      const { repository, commit } = await start({ 'app/.dockerignore': '*\n!deep\n', 'app/Dockerfile': 'FROM app\n' });
      const entries = await contextOf(repository, commit, { rootDirectory: 'app' });
      expect(filesOf(entries)).toEqual(['.dockerignore', 'Dockerfile', 'deep/x.txt']);
    });

    it('prefers <dockerfile>.dockerignore', async () => {
      const { repository, commit } = await start({ '.dockerignore': 'run.sh\n', 'Dockerfile.dockerignore': 'app\n' });
      const entries = await contextOf(repository, commit);
      expect(filesOf(entries)).toEqual(['.dockerignore', 'Dockerfile', 'Dockerfile.dockerignore', 'run.sh']);
    });

    it('holds pushed branches of a built-in remote', async () => {
      const { source, push } = subject();
      const repository = randomUUID();
      expect(await source.head(repository, 'main')).toBeNull();
      await source.ensureRepository(repository);
      await source.ensureRepository(repository);
      const commit = await push(repository, 'main', files);
      expect(await source.head(repository, 'main')).toBe(commit);
      expect(await source.head(repository, 'other')).toBeNull();
      expect(await source.head(repository, '../../config')).toBeNull();
      expect(await source.require(repository, commit)).toMatchObject({ commit, subject: 'A commit' });
      await expect(source.require(repository, 'b'.repeat(40))).rejects.toMatchObject({ code: 'commit_not_found' });
    });

    it('prunes what no deployment needs, and fetches on', async () => {
      const { url, request, commit, repository, source } = await start();
      const kept = await subject().commit(url, 'main', { ...files, a: '2' });
      await source.fetch(request, never);
      expect(await source.prune(repository, [kept])).toBe(1);
      expect(await source.prune(repository, [kept])).toBe(0);
      expect(await source.readFile(repository, kept, 'a')).toBe('2');
      expect(await source.fetch({ ...request, commit }, never)).toMatchObject({ commit });
      expect(await source.prune(randomUUID(), [])).toBe(0);
    });

    it('lists and removes repositories, twice as well as once', async () => {
      const { repository, source } = await start();
      expect(await source.observe()).toContain(repository);
      await source.ensureAbsent(repository);
      await source.ensureAbsent(repository);
      expect(await source.observe()).not.toContain(repository);
      await expect(source.treeId(repository, 'a'.repeat(40), '')).rejects.toMatchObject({
        code: 'repository_not_found',
      });
    });

    it('takes no name that is not a service id', async () => {
      const { source } = subject();
      for (const bad of ['..', 'x', '../../../../../../../etc/passwd-0123456789', '']) {
        await expect(source.ensureRepository(bad)).rejects.toMatchObject({ code: 'repository_invalid' });
      }
    });

    it('does nothing when aborted already', async () => {
      const { url, source } = await start();
      const reason = new Error('cancelled');
      await expect(source.fetch(fetchRequest(url), AbortSignal.abort(reason))).rejects.toBe(reason);
    });
  });
}
