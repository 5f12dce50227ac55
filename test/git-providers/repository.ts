/** One repository at a stand-in: a real bare git repository, and what the provider keeps beside it. */
import { existsSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import type { FakeFiles } from '#drivers/source/fake.js';
import { commitTo, git } from '#drivers/source/testing/git-work.js';

export const ZEROS = '0'.repeat(40);

export interface User {
  id: number;
  login: string;
  /** Of the account; Bitbucket's API tokens go with it. */
  email: string;
}

export interface Hook {
  id: number;
  uuid: string;
  url: string;
  secret: string;
  active: boolean;
  /** The provider's words. */
  events: string[];
  failures: number;
  disabledUntil: string | null;
  lastStatus: number | null;
}

export interface Pull {
  id: number;
  number: number;
  title: string;
  state: 'open' | 'closed' | 'merged';
  author: User;
  from: Repository;
  branch: string;
  commit: string;
  base: string;
  createdAt: string;
}

export interface RefChange {
  ref: string;
  before: string;
  after: string;
}

export interface Commit {
  id: string;
  message: string;
  name: string;
  email: string;
  at: string;
  added: string[];
  modified: string[];
  removed: string[];
}

// biome-ignore lint/suspicious/noExplicitAny: what tests look at is what the provider was sent
export type Json = any;

export class Repository {
  description: string | null = null;
  defaultBranch = 'main';
  readonly hooks: Hook[] = [];
  readonly pulls: Pull[] = [];
  /** In the order in which they were set. */
  readonly statuses: { commit: string; body: Json }[] = [];
  readonly deployments: { id: number; body: Json; states: Json[]; environment: number }[] = [];
  readonly environments: { id: number; name: string; state: string; external_url: string | null }[] = [];
  readonly comments: { id: number; pull: number; author: User; text: string }[] = [];
  /** Who may see it when it is private, beside its owner. */
  readonly members = new Set<string>();

  constructor(
    readonly id: number,
    readonly fullName: string,
    readonly isPrivate: boolean,
    /** Bare repository. */
    readonly folder: string,
    readonly cloneUrl: string,
    private readonly token: () => { username: string; password: string },
  ) {}

  get name(): string {
    return path.posix.basename(this.fullName);
  }

  get owner(): string {
    return path.posix.dirname(this.fullName);
  }

  async head(branch: string): Promise<string | null> {
    return (await refsOf(this.folder)).get(`refs/heads/${branch}`) ?? null;
  }

  /** Exactly these files become the next commit of the branch, and are pushed over HTTP by its owner. @returns its id */
  async push(files: FakeFiles, options: { branch?: string; subject?: string } = {}): Promise<string> {
    const branch = options.branch ?? 'main';
    const commit = await this.commit(files, options);
    await this.pushRefs(`${commit}:refs/heads/${branch}`);
    return commit;
  }

  /** Only here, for `pushRefs`. */
  async commit(
    files: FakeFiles,
    { branch = 'main', subject }: { branch?: string; subject?: string } = {},
  ): Promise<string> {
    await this.ensureWork();
    return commitTo(this.work, branch, files, subject);
  }

  /** One `git push`; `+a:b` forces, `:refs/heads/x` deletes. */
  async pushRefs(...refspecs: string[]): Promise<void> {
    await this.ensureWork();
    const { username, password } = this.token();
    const basic = Buffer.from(`${username}:${password}`).toString('base64');
    await git(
      this.work,
      '-c',
      `http.extraHeader=Authorization: Basic ${basic}`,
      'push',
      '--quiet',
      this.cloneUrl,
      ...refspecs,
    );
  }

  private get work(): string {
    return `${this.folder}.pusher`;
  }

  /** A copy of what is there: no git process. */
  private async ensureWork(): Promise<void> {
    if (!existsSync(this.work)) await cp(this.folder, this.work, { recursive: true });
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
    await rm(this.work, { recursive: true, force: true });
  }
}

export async function refsOf(folder: string): Promise<Map<string, string>> {
  const text = await git(folder, 'for-each-ref', '--format=%(refname) %(objectname)');
  return new Map(
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' ') as [string, string]),
  );
}

export function changesBetween(before: Map<string, string>, after: Map<string, string>): RefChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].filter((ref) => /^refs\/(heads|tags)\//.test(ref));
  return names
    .map((ref) => ({ ref, before: before.get(ref) ?? ZEROS, after: after.get(ref) ?? ZEROS }))
    .filter((change) => change.before !== change.after);
}

/** Commits of a change, oldest first, and how many there are; of a new branch only its head. */
export async function commitsOf(folder: string, { before, after }: RefChange, most: number): Promise<Commit[]> {
  if (after === ZEROS) return [];
  const range = before === ZEROS ? ['-1', after] : [`-${most}`, `${before}..${after}`];
  const format = '--format=%x1e%H%x1f%an%x1f%ae%x1f%cI%x1f%B%x1f';
  const text = await git(folder, 'log', '--name-status', '--no-renames', '--root', format, ...range);
  return text.split('\x1e').slice(1).map(parseCommit).reverse();
}

export async function countCommits(folder: string, { before, after }: RefChange): Promise<number> {
  if (after === ZEROS) return 0;
  if (before === ZEROS) return 1;
  return Number(await git(folder, 'rev-list', '--count', `${before}..${after}`));
}

/** True when the old head is not part of the new history. */
export async function isForced(folder: string, { before, after }: RefChange): Promise<boolean> {
  if (before === ZEROS || after === ZEROS) return false;
  const kept = await git(folder, 'rev-list', '--count', `${after}..${before}`);
  return kept !== '0';
}

function parseCommit(record: string): Commit {
  const [id = '', name = '', email = '', at = '', message = '', files = ''] = record.split('\x1f');
  const lines = files
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t') as [string, string]);
  const of = (letter: string) => lines.filter(([status]) => status === letter).map(([, file]) => file);
  return { id, name, email, at, message: message.trimEnd(), added: of('A'), modified: of('M'), removed: of('D') };
}
