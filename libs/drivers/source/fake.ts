/** SourceStore in memory: remotes and mirrors are maps of commits, a commit is a map of files. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { Invalid, NotFound } from '#platform/errors.js';
import { DockerIgnore } from './dockerignore.js';
import { isFullCommit, requireBranch, requireCommit, requireRepositoryName, requireTreePath } from './names.js';
import type { ContextRequest, FetchedCommit, FetchRequest, Remote, RemoteRefs, SourceStore } from './port.js';
import { branchNotFound, commitNotFound } from './remote-errors.js';

/** Contents, a symbolic link or a submodule's commit. */
export type FakeFile = string | { link: string } | { submodule: string };
export type FakeFiles = Record<string, FakeFile>;

interface FakeCommit {
  id: string;
  subject: string;
  /** Whole message; its first line is the subject. */
  message?: string;
  files: FakeFiles;
}

interface FakeRepository {
  branches: Map<string, string>;
  commits: Map<string, FakeCommit>;
}

export interface FakeRemote extends FakeRepository {
  /** Required credentials. */
  auth?: { username: string; password: string };
  /** Name -> commit. */
  tags?: Map<string, string>;
}

const empty = (): FakeRepository => ({ branches: new Map(), commits: new Map() });

export class FakeSource implements SourceStore {
  /** URL -> what is there. */
  readonly remotes = new Map<string, FakeRemote>();
  /** Service id -> its repository here. */
  readonly repositories = new Map<string, FakeRepository>();
  /** How often refs of a remote were asked for. */
  listed = 0;
  private failures: Error[] = [];
  private count = 0;

  /** A commit on a branch of a remote, which is made when needed. Returns its id. */
  commit(url: string, branch: string, files: FakeFiles, subject = 'A commit'): string {
    return this.add(this.remote(url), branch, files, subject);
  }

  remote(url: string): FakeRemote {
    const remote = this.remotes.get(url) ?? empty();
    this.remotes.set(url, remote);
    return remote;
  }

  /** A push to the built-in remote of a service. Returns the commit's id. */
  push(repository: string, branch: string, files: FakeFiles, subject = 'A commit'): string {
    return this.add(this.local(repository), branch, files, subject);
  }

  /** The next call of fetch fails with this error. */
  failNext(error: Error): void {
    this.failures.push(error);
  }

  async fetch(request: FetchRequest, signal: AbortSignal): Promise<FetchedCommit> {
    signal.throwIfAborted();
    const failure = this.failures.shift();
    if (failure) throw failure;
    const wanted = request.commit === null ? null : requireCommit(request.commit);
    const branch = request.branch === null ? null : requireBranch(request.branch);
    const mirror = this.local(request.repository);
    const remote = this.reachable(request);
    const name = branch ?? (remote.branches.has('main') ? 'main' : null);
    const commit = wanted === null ? this.headOf(remote, name) : this.byId(remote, wanted, branch);
    mirror.commits.set(commit.id, commit);
    request.log(`Fetched ${commit.id.slice(0, 12)} ${commit.subject}`);
    return { commit: commit.id, branch: wanted === null ? name : branch, subject: commit.subject };
  }

  async remoteRefs(remote: Remote, names: string[], signal: AbortSignal): Promise<RemoteRefs> {
    signal.throwIfAborted();
    this.listed += 1;
    const found = this.reachable({ remote });
    const main = found.branches.has('main') ? 'main' : null;
    const all = new Map<string, string>();
    for (const [branch, id] of found.branches) all.set(`refs/heads/${branch}`, id);
    for (const [tag, id] of found.tags ?? []) all.set(`refs/tags/${tag}`, id);
    if (main) all.set('HEAD', found.branches.get(main) as string);
    return { defaultBranch: main, refs: new Map([...all].filter(([name]) => names.includes(name))) };
  }

  async changedPaths(repository: string, from: string, to: string): Promise<string[] | null> {
    const commits = this.repositories.get(requireRepositoryName(repository))?.commits;
    const [old, next] = [commits?.get(from)?.files, commits?.get(to)?.files];
    if (!old || !next) return null;
    const differs = (path: string) => JSON.stringify(old[path]) !== JSON.stringify(next[path]);
    return [...new Set([...Object.keys(old), ...Object.keys(next)])].filter(differs);
  }

  async message(repository: string, commit: string): Promise<string> {
    const { subject, message } = this.at(repository, commit);
    return message ?? subject;
  }

  async require(repository: string, commit: string): Promise<FetchedCommit> {
    const found = this.existing(repository).commits.get(requireCommit(commit));
    if (!found) throw commitNotFound(commit, null);
    return { commit: found.id, branch: null, subject: found.subject };
  }

  async head(repository: string, branch: string): Promise<string | null> {
    return this.repositories.get(requireRepositoryName(repository))?.branches.get(branch) ?? null;
  }

  async treeId(repository: string, commit: string, rootDirectory: string): Promise<string> {
    const files = this.tree(repository, commit, rootDirectory);
    return createHash('sha1')
      .update(JSON.stringify(Object.entries(files).sort()))
      .digest('hex');
  }

  async readFile(repository: string, commit: string, path: string): Promise<string | null> {
    const file = this.at(repository, commit).files[path];
    return typeof file === 'string' ? file.slice(0, 1024 * 1024) : null;
  }

  async readFiles(
    repository: string,
    commit: string,
    folder: string,
    names: string[],
  ): Promise<Record<string, string>> {
    const files = this.tree(repository, commit, folder);
    const found = names.flatMap((name) => {
      const file = files[name];
      return typeof file === 'string' ? [[name, file.slice(0, 1024 * 1024)]] : [];
    });
    return Object.fromEntries(found);
  }

  async context(request: ContextRequest, signal: AbortSignal): Promise<Readable> {
    signal.throwIfAborted();
    const files = this.tree(request.repository, request.commit, request.rootDirectory);
    const own = files[`${request.dockerfile}.dockerignore`] ?? files['.dockerignore'];
    const keep = [request.dockerfile, '.dockerignore', `${request.dockerfile}.dockerignore`];
    const ignore = new DockerIgnore(typeof own === 'string' ? own : '', keep);
    const archive = pack();
    for (const [name, file] of Object.entries(files).filter(([path]) => !ignore.excludes(path))) {
      if (typeof file === 'string') archive.entry({ name, mode: name.endsWith('.sh') ? 0o755 : 0o644 }, file);
      else if ('link' in file) archive.entry({ name, type: 'symlink', linkname: file.link });
      else archive.entry({ name: `${name}/`, type: 'directory' });
    }
    archive.finalize();
    return archive as unknown as Readable;
  }

  async ensureRepository(repository: string): Promise<string> {
    this.local(repository);
    return `/fake/${repository}.git`;
  }

  async ensureAbsent(repository: string): Promise<void> {
    this.repositories.delete(requireRepositoryName(repository));
  }

  async prune(repository: string, keep: string[]): Promise<number> {
    const found = this.repositories.get(requireRepositoryName(repository));
    const needed = new Set([...keep, ...(found?.branches.values() ?? [])]);
    const gone = [...(found?.commits.keys() ?? [])].filter((id) => !needed.has(id));
    for (const id of gone) found?.commits.delete(id);
    return gone.length;
  }

  async observe(): Promise<string[]> {
    return [...this.repositories.keys()];
  }

  private add(target: FakeRepository, branch: string, files: FakeFiles, subject: string): string {
    const id = createHash('sha1')
      .update(JSON.stringify([files, subject, this.count++]))
      .digest('hex');
    target.commits.set(id, { id, subject: subject.split('\n', 1)[0] ?? '', message: subject, files });
    target.branches.set(branch, id);
    return id;
  }

  private local(name: string): FakeRepository {
    const repository = this.repositories.get(requireRepositoryName(name)) ?? empty();
    this.repositories.set(name, repository);
    return repository;
  }

  private existing(name: string): FakeRepository {
    const repository = this.repositories.get(requireRepositoryName(name));
    if (!repository)
      throw new NotFound('repository_not_found', 'Nothing has been fetched or pushed for this service yet.');
    return repository;
  }

  private reachable(request: Pick<FetchRequest, 'remote'>): FakeRemote {
    const remote = this.remotes.get(request.remote.url);
    if (!remote) throw new Invalid('repository_not_found', 'There is no repository at this URL.');
    const given = request.remote.credentials;
    const open = !remote.auth || (given?.username === remote.auth.username && given.password === remote.auth.password);
    if (!open) throw new Invalid('repository_auth_required', 'The repository wants a login.');
    return remote;
  }

  private headOf(remote: FakeRemote, branch: string | null): FakeCommit {
    const id = branch === null ? undefined : remote.branches.get(branch);
    const commit = id === undefined ? undefined : remote.commits.get(id);
    if (commit) return commit;
    throw branchNotFound(branch, [...remote.branches.keys()]);
  }

  private byId(remote: FakeRemote, wanted: string, branch: string | null): FakeCommit {
    const found = [...remote.commits.values()].filter((commit) => commit.id.startsWith(wanted));
    const [commit] = found;
    if (commit && found.length === 1) return commit;
    if (isFullCommit(wanted)) throw commitNotFound(wanted, branch);
    throw new Invalid('commit_invalid', `"${wanted}" is not the beginning of one commit id: give all 40 digits.`);
  }

  private at(repository: string, id: string): FakeCommit {
    const commit = this.existing(repository).commits.get(id);
    if (!commit) throw commitNotFound(id, null);
    return commit;
  }

  /** Files below the folder, by their path in it. */
  private tree(repository: string, id: string, rootDirectory: string): FakeFiles {
    const { files } = this.at(repository, id);
    const root = requireTreePath(rootDirectory).join('/');
    if (root === '') return files;
    if (Object.keys(files).some((path) => path === root || root.startsWith(`${path}/`))) {
      throw new Invalid('root_directory_not_a_directory', `"${root}" is not a folder of the repository itself.`);
    }
    const inside = Object.entries(files).filter(([path]) => path.startsWith(`${root}/`));
    if (inside.length === 0) throw new Invalid('root_directory_not_found', `There is no folder "${root}".`);
    return Object.fromEntries(inside.map(([path, file]) => [path.slice(root.length + 1), file]));
  }
}
