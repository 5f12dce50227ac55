/** Brings one commit of a remote into a mirror. One git call in the usual case; the others are for servers and users that are not usual. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { EgressGuard } from '#platform/egress.js';
import { guardedRedirects } from '#platform/egress-redirects.js';
import { Invalid, Unavailable } from '#platform/errors.js';
import { runGit } from './local-git.js';
import { isFullCommit } from './names.js';
import { ObjectReader } from './objects.js';
import type { FetchRequest } from './port.js';
import { removeStaleLocks } from './processes.js';
import { dropLooseRef, INCOMING, KEPT, keepCommit, readRef } from './refs.js';
import {
  branchNotFound,
  commitNotFound,
  isLocked,
  isMissingCommit,
  isMissingRef,
  isRedirect,
  isTooSimple,
  remoteError,
} from './remote-errors.js';
import { GitFailure, type RemoteGit, type RemoteTarget } from './remote-git.js';

const HEADS = 'refs/heads/';
const SUFFIX = '/info/refs?service=git-upload-pack';

export interface FetchTools {
  guard: EgressGuard;
  git: RemoteGit;
}

export class Fetch {
  private readonly incoming = `${INCOMING}/${randomUUID()}`;
  private recovered = false;
  private detour: Promise<void> | null = null;

  /** @param repository absolute path; the caller holds its lock. @param target already checked by the guard. */
  constructor(
    private readonly tools: FetchTools,
    private readonly repository: string,
    private readonly request: FetchRequest,
    private target: RemoteTarget,
    private readonly signal: AbortSignal,
  ) {}

  /** @returns the full id of the commit, which is kept by a ref now, and the branch it was found on when that is known. */
  async run(): Promise<{ commit: string; branch: string | null }> {
    const { commit, branch } = this.request;
    try {
      if (commit === null)
        return branch === null ? await this.defaultBranch() : { commit: await this.head(branch), branch };
      return { commit: await this.commit(commit), branch };
    } catch (error) {
      throw this.explained(error);
    } finally {
      await dropLooseRef(this.repository, this.incoming);
    }
  }

  /** Nothing is fetched. */
  async refs(names: string[]) {
    try {
      return await this.list(names);
    } catch (error) {
      throw this.explained(error);
    }
  }

  /** The name of the default branch is asked for beside the fetch: it costs no time, and a fetch alone does not tell it. */
  private async defaultBranch(): Promise<{ commit: string; branch: string | null }> {
    const name = this.list(['HEAD']).then(
      (listed) => listed.head,
      () => null, // Only the name is missing then; if the remote is down the fetch says so.
    );
    const commit = await this.head(null).finally(() => name);
    return { commit, branch: await name };
  }

  private async head(branch: string | null): Promise<string> {
    try {
      await this.fetchOne(branch === null ? 'HEAD' : HEADS + branch);
    } catch (error) {
      if (!(error instanceof GitFailure)) throw error;
      if (isMissingRef(error.message)) throw branchNotFound(branch, await this.branches());
      if (!isTooSimple(error.message)) throw error;
      await this.fetch([], [`+${branch === null ? 'HEAD' : HEADS + branch}:${this.incoming}/head`]);
    }
    return this.keepIncoming();
  }

  private async commit(wanted: string): Promise<string> {
    const full = isFullCommit(wanted) ? wanted : await this.listed(wanted);
    try {
      if (full !== null) {
        await this.fetchOne(full);
        return await this.keepIncoming();
      }
    } catch (error) {
      if (!(error instanceof GitFailure)) throw error;
      if (isMissingCommit(error.message)) throw commitNotFound(wanted, this.request.branch);
      if (!isTooSimple(error.message)) throw error;
    }
    return this.searchHistory(wanted);
  }

  /** A short id that is the tip of some ref needs no history. */
  private async listed(short: string): Promise<string | null> {
    const { refs } = await this.list([]);
    const found = new Set([...refs.values()].filter((oid) => oid.startsWith(short)));
    return found.size === 1 ? ([...found][0] ?? null) : null;
  }

  private async searchHistory(wanted: string): Promise<string> {
    const { branch, log } = this.request;
    log(`Looking for ${wanted} in the history of ${branch ?? 'all branches'}`);
    const refspec = branch === null ? `+${HEADS}*:${this.incoming}/*` : `+${HEADS}${branch}:${this.incoming}/head`;
    try {
      await this.fetch(this.unshallow(), [refspec]);
    } catch (error) {
      if (error instanceof GitFailure && isMissingRef(error.message))
        throw branchNotFound(branch, await this.branches());
      throw error;
    }
    const commit = await this.resolve(wanted);
    await keepCommit(this.repository, commit);
    return commit;
  }

  /** git refuses --unshallow for a repository whose history is complete. */
  private unshallow(): string[] {
    return existsSync(join(this.repository, 'shallow')) ? ['--unshallow'] : [];
  }

  private async resolve(wanted: string): Promise<string> {
    if (isFullCommit(wanted)) {
      if (await isCommit(this.repository, wanted)) return wanted;
      throw commitNotFound(wanted, this.request.branch);
    }
    const found = (await runGit(this.repository, ['rev-parse', `--disambiguate=${wanted}`], { signal: this.signal }))
      .split('\n')
      .filter(Boolean);
    const commits: string[] = [];
    for (const oid of found) if (await isCommit(this.repository, oid)) commits.push(oid);
    const [only] = commits;
    if (only !== undefined && commits.length === 1) return only;
    const why = commits.length > 1 ? 'stands for several commits' : 'is not the beginning of a commit id we could find';
    throw new Invalid('commit_invalid', `"${wanted}" ${why}: give all 40 digits of the commit.`);
  }

  private fetchOne(wanted: string): Promise<void> {
    return this.fetch(['--depth=1'], [`+${wanted}:${this.incoming}/head`]);
  }

  /** The fetched ref becomes the one that keeps the commit: a rename, no process. */
  private async keepIncoming(): Promise<string> {
    const commit = await readRef(this.repository, `${this.incoming}/head`);
    if (commit === null || !(await isCommit(this.repository, commit)))
      throw commitNotFound(this.request.commit ?? 'HEAD', this.request.branch);
    await mkdir(join(this.repository, KEPT), { recursive: true });
    await rename(join(this.repository, this.incoming, 'head'), join(this.repository, KEPT, commit));
    return commit;
  }

  private fetch(options: string[], refspecs: string[]): Promise<void> {
    return this.persistently(() => this.tools.git.fetch(this.repository, this.target, options, refspecs, this.signal));
  }

  private list(patterns: string[]) {
    return this.persistently(() => this.tools.git.list(this.repository, this.target, patterns, this.signal));
  }

  private async branches(): Promise<string[]> {
    const { refs } = await this.list([`${HEADS}*`]);
    return [...refs.keys()].filter((ref) => ref.startsWith(HEADS)).map((ref) => ref.slice(HEADS.length));
  }

  /** Once more after what we can set right: a redirect (followed by hand, through the guard) or locks of a process that was killed. */
  private async persistently<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof GitFailure)) throw error;
      if (isRedirect(error.message)) await this.takeDetour();
      else if (isLocked(error.message) && !this.recovered) await this.recover();
      else throw error;
      return call();
    }
  }

  /** Once, although two calls may have met the redirect side by side. */
  private takeDetour(): Promise<void> {
    this.detour ??= this.followRedirect();
    return this.detour;
  }

  private async followRedirect(): Promise<void> {
    const { credentials } = this.target;
    const start = new URL(this.target.url);
    start.pathname = `${start.pathname.replace(/\/$/, '')}/info/refs`;
    start.search = '?service=git-upload-pack';
    const authorization = credentials
      ? `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`
      : undefined;
    const end = await guardedRedirects(this.tools.guard, start, { signal: this.signal, authorization });
    if (!end.url.href.endsWith(SUFFIX)) {
      throw new Invalid(
        'repository_unreachable',
        `${this.target.url.host} redirects to a page that is not a git repository: check the URL.`,
      );
    }
    const url = new URL(end.url.href.slice(0, -SUFFIX.length));
    this.request.log(`Redirected to ${url.href}: use this URL to save the detour`);
    this.target = { url, addresses: end.addresses, credentials: end.sameOrigin ? credentials : undefined };
  }

  private async recover(): Promise<void> {
    this.recovered = true;
    if (await removeStaleLocks(this.repository)) return;
    throw new Unavailable('repository_busy', 'Another git process works on this repository; the fetch is tried again.');
  }

  private explained(error: unknown): unknown {
    if (!(error instanceof GitFailure)) return error;
    return remoteError(error.message, this.target.url.host, this.target.credentials !== undefined);
  }
}

async function isCommit(repository: string, oid: string): Promise<boolean> {
  const objects = new ObjectReader(repository);
  try {
    return (await objects.read(oid, 0))?.type === 'commit';
  } finally {
    objects.close();
  }
}
