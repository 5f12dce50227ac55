/** git calls that talk to a remote, through simple-git: hardened environment, pinned address, password by GIT_ASKPASS. */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { simpleGit } from 'simple-git';
import type { CheckedUrl } from '#platform/egress.js';
import { ALLOWED_VARIABLES, CALL_MARK, gitEnvironment, REMOTE_CONFIG, REPOSITORY_MARK } from './git-environment.js';
import type { Remote } from './port.js';
import { killMarked } from './processes.js';

/** git calls this with its prompt as the argument; the answer goes to its stdout. The values are in git's environment only. */
const ASKPASS = `#!/bin/sh
case "$1" in
Username*) printf '%s\\n' "$CONTAINR_GIT_USERNAME" ;;
*) printf '%s\\n' "$CONTAINR_GIT_PASSWORD" ;;
esac
`;

/** What git said when it failed, free of credentials. */
export class GitFailure extends Error {}

export interface RemoteTarget extends CheckedUrl {
  credentials?: Remote['credentials'];
}

export class RemoteGit {
  private askpass: Promise<string> | null = null;

  constructor(
    private readonly askpassDir: string,
    private readonly env: Record<string, string> = {},
  ) {}

  /**
   * Brings what `refspecs` name into the repository; all its git processes are gone when this settles.
   * @throws GitFailure, or signal.reason
   */
  async fetch(
    repository: string,
    target: RemoteTarget,
    options: string[],
    refspecs: string[],
    signal: AbortSignal,
  ): Promise<void> {
    // Not --quiet: simple-git waits 50 ms after a command that printed nothing, twice the time of a small fetch.
    const args = [
      'fetch',
      '--no-tags',
      '--no-write-fetch-head',
      '--no-auto-maintenance',
      '--no-recurse-submodules',
      ...options,
    ];
    await this.call(repository, target, [...args, '--', target.url.href, ...refspecs], signal);
  }

  /** Ref -> object id, as the remote lists them; HEAD included, `symref` names the branch it stands for. */
  async list(repository: string, target: RemoteTarget, patterns: string[], signal: AbortSignal): Promise<RemoteRefs> {
    const output = await this.call(
      repository,
      target,
      ['ls-remote', '--symref', '--quiet', '--', target.url.href, ...patterns],
      signal,
    );
    const refs: RemoteRefs = { head: null, refs: new Map() };
    for (const line of output.split('\n')) {
      const [value = '', ref = ''] = line.split('\t');
      if (value.startsWith('ref: refs/heads/') && ref === 'HEAD') refs.head = value.slice('ref: refs/heads/'.length);
      else if (ref !== '') refs.refs.set(ref, value);
    }
    return refs;
  }

  private async call(repository: string, target: RemoteTarget, args: string[], signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const id = randomUUID();
    const env = await this.environment(repository, id, target.credentials);
    const git = simpleGit({
      baseDir: repository,
      config: [...REMOTE_CONFIG, ...pin(target)],
      allowEnvironment: ALLOWED_VARIABLES,
      unsafe: { allowUnsafeAskPass: true, allowUnsafeConfigPaths: true },
      abort: signal,
    }).env(env);
    try {
      return await git.raw(args);
    } catch (error) {
      // simple-git ends git itself; git-remote-http may live on, waiting for a server that is silent.
      if (signal.aborted) await killMarked(CALL_MARK, id);
      signal.throwIfAborted();
      throw new GitFailure(scrub((error as Error).message, target.credentials));
    }
  }

  private async environment(
    repository: string,
    id: string,
    credentials: Remote['credentials'],
  ): Promise<Record<string, string>> {
    const marks = { [REPOSITORY_MARK]: repository, [CALL_MARK]: id };
    if (!credentials) return gitEnvironment({ ...this.env, ...marks });
    const secrets = { CONTAINR_GIT_USERNAME: credentials.username, CONTAINR_GIT_PASSWORD: credentials.password };
    return gitEnvironment({ ...this.env, ...marks, ...secrets, GIT_ASKPASS: await this.script() });
  }

  private script(): Promise<string> {
    this.askpass ??= this.writeScript().catch((error) => {
      this.askpass = null;
      throw error;
    });
    return this.askpass;
  }

  private async writeScript(): Promise<string> {
    await mkdir(this.askpassDir, { recursive: true, mode: 0o700 });
    const file = join(this.askpassDir, 'git-askpass.sh');
    const draft = `${file}.${randomUUID()}.tmp`;
    await writeFile(draft, ASKPASS, { mode: 0o700 });
    await chmod(draft, 0o700);
    await rename(draft, file);
    return file;
  }
}

export interface RemoteRefs {
  head: string | null;
  refs: Map<string, string>;
}

/** Makes curl dial the addresses that the egress guard has checked, whatever the name resolves to by now. */
function pin(target: CheckedUrl): string[] {
  const host = target.url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host)) return [];
  const port = target.url.port || (target.url.protocol === 'https:' ? '443' : '80');
  const addresses = target.addresses.map((address) => (isIP(address) === 6 ? `[${address}]` : address));
  return [`http.curloptResolve=${host}:${port}:${addresses.join(',')}`];
}

/** A server can put anything into its error text, also what we sent it. */
function scrub(text: string, credentials: Remote['credentials']): string {
  const secrets = [credentials?.password, credentials?.username].filter(
    (value) => value !== undefined && value.length > 3,
  );
  const basic = credentials
    ? Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')
    : undefined;
  const plain = [basic, ...secrets].reduce<string>(
    (said, value) => (value ? said.replaceAll(value, '********') : said),
    text,
  );
  return plain.replace(/\/\/[^/\s@]+@/g, '//********@');
}
