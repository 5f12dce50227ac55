/**
 * SourceStore on real git. Bare repositories under `<dataDir>/repositories`, no work trees.
 *
 * Processes started: fetch 1 (plus git's own helpers; +1 beside it when the branch is not named, +1 for packed objects); the same commit
 * again 0; require, head, treeId and readFile 0, or 1 when the objects are packed; context 1, or 2 when they are packed.
 */
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { EgressGuard } from '#platform/egress.js';
import { Invalid } from '#platform/errors.js';
import { archive, filtered } from './context.js';
import { DockerIgnore } from './dockerignore.js';
import { Fetch } from './fetch.js';
import { runGit } from './local-git.js';
import { withLock } from './lock.js';
import { isBranchName, isFullCommit, requireBranch, requireCommit, requireTreePath } from './names.js';
import { ObjectReader, parseCommit } from './objects.js';
import type { ContextRequest, FetchedCommit, FetchRequest, Remote, RemoteRefs, SourceStore } from './port.js';
import { dropLooseRef, incomingRefs, KEPT, keepCommit, keptCommits, readRef } from './refs.js';
import { commitNotFound } from './remote-errors.js';
import { RemoteGit } from './remote-git.js';
import { Repositories } from './repositories.js';
import { fileAt, filesIn, treeAt } from './trees.js';

export interface GitSourceOptions {
  dataDir: string;
  guard: EgressGuard;
  /** Where the askpass script is written; default `<dataDir>/run`. It must be on a file system that allows execution. */
  askpassDir?: string;
  /** Added to the environment of git calls to remotes, e.g. `https_proxy` or `GIT_SSL_CAINFO` under its curl name. */
  env?: Record<string, string>;
}

export class GitSource implements SourceStore {
  private readonly repositories: Repositories;
  private readonly git: RemoteGit;
  private readonly guard: EgressGuard;

  constructor(options: GitSourceOptions) {
    // Absolute: git runs inside a repository and must find the script from there.
    const dataDir = resolve(options.dataDir);
    this.repositories = new Repositories(dataDir);
    this.git = new RemoteGit(resolve(options.askpassDir ?? `${dataDir}/run`), options.env);
    this.guard = options.guard;
  }

  async fetch(request: FetchRequest, signal: AbortSignal): Promise<FetchedCommit> {
    signal.throwIfAborted();
    const wanted = normalised(request);
    const repository = await this.repositories.ensure(request.repository);
    const known = wanted.commit !== null && (await readRef(repository, `${KEPT}/${wanted.commit}`));
    if (known) return { commit: known, branch: wanted.branch, subject: await this.subject(repository, known) };
    const checked = await this.guard.check(request.remote.url);
    const target = { ...checked, credentials: request.remote.credentials };
    request.log(`Fetching ${describe(wanted)} from ${checked.url.href}`);
    const tools = { guard: this.guard, git: this.git };
    const found = await withLock(repository, signal, () => new Fetch(tools, repository, wanted, target, signal).run());
    const fetched = { ...found, subject: await this.subject(repository, found.commit) };
    request.log(`Fetched ${fetched.commit.slice(0, 12)} ${fetched.subject}`);
    return fetched;
  }

  async remoteRefs(remote: Remote, names: string[], signal: AbortSignal): Promise<RemoteRefs> {
    signal.throwIfAborted();
    const target = { ...(await this.guard.check(remote.url)), credentials: remote.credentials };
    const request = { repository: '', remote, branch: null, commit: null, log: () => undefined };
    const tools = { guard: this.guard, git: this.git };
    // git needs no repository to list a remote's refs, only a folder to start in.
    const { head, refs } = await new Fetch(tools, await this.repositories.home(), request, target, signal).refs(
      names.flatMap((name) => (name.startsWith('refs/tags/') ? [name, `${name}^{}`] : [name])),
    );
    const wanted = [...refs].filter(([ref]) => names.includes(ref.replace(/\^\{\}$/, '')));
    return { defaultBranch: head, refs: new Map(wanted) };
  }

  async changedPaths(repository: string, from: string, to: string): Promise<string[] | null> {
    const path = await this.repositories.find(repository);
    if (path === null || !isFullCommit(from) || !isFullCommit(to)) return null;
    const here = await reading(path, async (objects) => {
      const types = [(await objects.read(from))?.type, (await objects.read(to))?.type];
      return types.every((type) => type === 'commit');
    });
    if (!here) return null;
    const output = await runGit(path, ['diff-tree', '-r', '-z', '--name-only', '--no-renames', from, to]);
    return output.split('\0').filter(Boolean);
  }

  async message(repository: string, commit: string): Promise<string> {
    const path = await this.repositories.require(repository);
    return (await this.commit(path, commit)).message;
  }

  async require(repository: string, commit: string): Promise<FetchedCommit> {
    const path = await this.repositories.require(repository);
    const id = requireCommit(commit);
    if (!isFullCommit(id))
      throw new Invalid('commit_invalid', `"${id}" is only the beginning of a commit id: give all 40 digits.`);
    const subject = await this.subject(path, id);
    await keepCommit(path, id);
    return { commit: id, branch: null, subject };
  }

  async head(repository: string, branch: string): Promise<string | null> {
    const path = await this.repositories.find(repository);
    return path !== null && isBranchName(branch) ? readRef(path, `refs/heads/${branch}`) : null;
  }

  async treeId(repository: string, commit: string, rootDirectory: string): Promise<string> {
    const path = await this.repositories.require(repository);
    const segments = requireTreePath(rootDirectory);
    return reading(path, (objects) => treeAt(objects, commit, segments));
  }

  async readFile(repository: string, commit: string, path: string): Promise<string | null> {
    const folder = await this.repositories.require(repository);
    return reading(folder, (objects) => fileAt(objects, commit, path));
  }

  async readFiles(
    repository: string,
    commit: string,
    folder: string,
    names: string[],
  ): Promise<Record<string, string>> {
    const path = await this.repositories.require(repository);
    const segments = requireTreePath(folder);
    const there = await reading(path, (objects) => filesIn(objects, commit, segments, names));
    const files: Record<string, string> = {};
    // A reader of its own for each: one that has read the beginning of a large file cannot go on.
    for (const name of there) {
      const text = await reading(path, (objects) => fileAt(objects, commit, [...segments, name].join('/')));
      if (text !== null) files[name] = text;
    }
    return files;
  }

  async context(request: ContextRequest, signal: AbortSignal): Promise<Readable> {
    signal.throwIfAborted();
    const path = await this.repositories.require(request.repository);
    const segments = requireTreePath(request.rootDirectory);
    const ignore = await reading(path, async (objects) => {
      await treeAt(objects, request.commit, segments);
      return this.ignoreFile(objects, request, segments);
    });
    const tree = segments.length === 0 ? request.commit : `${request.commit}:${segments.join('/')}`;
    const tar = archive(path, tree, signal);
    return ignore === null ? tar : filtered(tar, ignore);
  }

  /** `<dockerfile>.dockerignore` goes before `.dockerignore`; null when there is neither. */
  private async ignoreFile(
    objects: ObjectReader,
    request: ContextRequest,
    segments: string[],
  ): Promise<DockerIgnore | null> {
    const dockerfile = request.dockerfile.replace(/^\.\//, '');
    for (const name of [`${dockerfile}.dockerignore`, '.dockerignore']) {
      const file = await fileAt(objects, request.commit, [...segments, name].join('/'));
      if (file !== null) return new DockerIgnore(file, [dockerfile, '.dockerignore', name]);
    }
    return null;
  }

  ensureRepository(repository: string): Promise<string> {
    return this.repositories.ensure(repository);
  }

  async ensureAbsent(repository: string): Promise<void> {
    const path = await this.repositories.path(repository);
    await withLock(path, new AbortController().signal, () => this.repositories.remove(repository));
  }

  observe(): Promise<string[]> {
    return this.repositories.names();
  }

  /**
   * Drops the refs of commits that no deployment needs any more and then the objects that only they held. What is younger than an hour
   * stays: a fetch or push under way may be about to use it.
   */
  async prune(repository: string, keep: string[], signal = new AbortController().signal): Promise<number> {
    const path = await this.repositories.find(repository);
    if (path === null) return 0;
    return withLock(path, signal, async () => {
      for (const ref of await incomingRefs(path)) await dropLooseRef(path, ref);
      const gone = (await keptCommits(path)).filter((commit) => !keep.includes(commit));
      if (gone.length === 0) return 0;
      const input = gone.map((commit) => `delete ${KEPT}/${commit}\n`).join('');
      await runGit(path, ['update-ref', '--stdin'], { input, signal });
      await runGit(path, ['-c', 'gc.packRefs=false', 'gc', '--quiet', '--prune=1.hour.ago'], { signal });
      return gone.length;
    });
  }

  private async subject(repository: string, commit: string): Promise<string> {
    return (await this.commit(repository, commit)).subject;
  }

  private commit(repository: string, commit: string) {
    return reading(repository, async (objects) => {
      const object = await objects.read(commit);
      if (object?.type !== 'commit') throw commitNotFound(commit, null);
      return parseCommit(object.data);
    });
  }
}

async function reading<T>(repository: string, work: (objects: ObjectReader) => Promise<T>): Promise<T> {
  const objects = new ObjectReader(repository);
  try {
    return await work(objects);
  } finally {
    objects.close();
  }
}

function normalised(request: FetchRequest): FetchRequest {
  const commit = request.commit === null ? null : requireCommit(request.commit);
  const branch = request.branch === null ? null : requireBranch(request.branch);
  return { ...request, commit, branch };
}

const describe = (request: FetchRequest): string =>
  request.commit ?? (request.branch === null ? 'the default branch' : `branch ${request.branch}`);
