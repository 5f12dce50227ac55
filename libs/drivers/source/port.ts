/**
 * SourceStore: git repositories as build contexts. Each service has one bare repository in the data folder: a cached shallow mirror of
 * its remote, or the built-in git remote that users push to. Nothing is ever checked out: trees are read and archived from the object store.
 */
import type { Readable } from 'node:stream';

export interface Remote {
  /** http(s) URL without credentials. */
  url: string;
  /** Handed to git through GIT_ASKPASS: never in argv, `.git/config` or a log line. */
  credentials?: { username: string; password: string };
}

export interface FetchRequest {
  /** Names the mirror; a service id. */
  repository: string;
  remote: Remote;
  /** Branch name; null = the remote's default branch. */
  branch: string | null;
  /** Full 40-hex commit, or its first 7 or more digits (slower: may need the history); null = the branch's head. */
  commit: string | null;
  log: (line: string) => void;
}

export interface FetchedCommit {
  commit: string;
  branch: string | null;
  /** First line of the commit message. */
  subject: string;
}

/** What a remote lists, nothing fetched. */
export interface RemoteRefs {
  /** Name of the default branch; null when the repository is empty or the server does not say. */
  defaultBranch: string | null;
  /** Full name (`HEAD`, `refs/heads/main`) -> object id; of an annotated tag also `refs/tags/v1^{}` -> its commit. */
  refs: Map<string, string>;
}

export interface ContextRequest {
  repository: string;
  commit: string;
  /** Relative POSIX folder in the tree, '' for the root. */
  rootDirectory: string;
  /** Relative to rootDirectory. Kept in the context even when `.dockerignore` excludes it. */
  dockerfile: string;
}

/**
 * Errors (all Invalid unless said): `repository_unreachable` (Unavailable when it is a network fault), `repository_not_found`,
 * `repository_auth_required`, `branch_not_found`, `commit_not_found`, `root_directory_not_found`, `root_directory_not_a_directory`
 * (a file, a symlink or a submodule), `repository_empty`, `url_refused` (scheme or address forbidden by the egress guard), `host_not_found`,
 * `branch_invalid`, `commit_invalid`, `repository_invalid` (its name is not a service id); Capacity `disk_full`; Unavailable
 * `dns_unavailable`, `repository_busy`. Calls about a repository that is not here yet: NotFound `repository_not_found`.
 */
export interface SourceStore {
  /** Brings one commit into the mirror (shallow) and names it. */
  fetch(request: FetchRequest, signal: AbortSignal): Promise<FetchedCommit>;
  /** The named refs of a remote (full names, or `HEAD`); those that do not exist are left out. */
  remoteRefs(remote: Remote, names: string[], signal: AbortSignal): Promise<RemoteRefs>;
  /** Paths that differ between two commits that are both here; null when one of them is not. */
  changedPaths(repository: string, from: string, to: string): Promise<string[] | null>;
  /** The whole message of a commit that is here. */
  message(repository: string, commit: string): Promise<string>;
  /** A commit that must already be here, e.g. pushed to the built-in remote. */
  require(repository: string, commit: string): Promise<FetchedCommit>;
  /** Head of a branch in the local repository; null when it does not exist. */
  head(repository: string, branch: string): Promise<string | null>;
  /** Object id of the tree at rootDirectory: equal ids mean equal files. */
  treeId(repository: string, commit: string, rootDirectory: string): Promise<string>;
  /** Contents of one regular file, null when there is none of that name. At most 1 MiB is read. */
  readFile(repository: string, commit: string, path: string): Promise<string | null>;
  /** Those of the named files (paths in the folder) that are regular files; of each at most 1 MiB. */
  readFiles(repository: string, commit: string, folder: string, names: string[]): Promise<Record<string, string>>;
  /** Tar stream of the tree with .dockerignore applied. */
  context(request: ContextRequest, signal: AbortSignal): Promise<Readable>;
  /** Creates the bare repository of a built-in remote, idempotent; returns its absolute path. */
  ensureRepository(repository: string): Promise<string>;
  ensureAbsent(repository: string): Promise<void>;
  /**
   * Drops what only commits outside `keep` (full ids) needed, except what a branch here still reaches.
   * @returns how many commits were dropped
   */
  prune(repository: string, keep: string[], signal?: AbortSignal): Promise<number>;
  /** Names of all repositories here, for garbage collection. */
  observe(): Promise<string[]>;
}
