/** The surroundings of a real-git test: a folder with remotes and a data folder, servers, and looks at what runs. */

import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EgressGuard } from '#platform/egress.js';
import type { FakeFiles } from '../fake.js';
import { GitSource } from '../git-source.js';
import { type GitServer, startGitServer } from './git-server.js';
import { commitTo, makeBare } from './git-work.js';

export const guard = new EgressGuard({ allow: ['127.0.0.1', 'localhost'], deny: [] });

export class GitBench {
  readonly dataDir: string;
  readonly source: GitSource;
  readonly servers: GitServer[] = [];

  private constructor(readonly folder: string) {
    this.dataDir = join(folder, 'data');
    this.source = new GitSource({ dataDir: this.dataDir, guard });
  }

  static async open(): Promise<GitBench> {
    return new GitBench(await mkdtemp(join(tmpdir(), 'containr-git-')));
  }

  async close(): Promise<void> {
    for (const server of this.servers) await server.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  async serve(options: Partial<GitServer['options']> = {}): Promise<GitServer> {
    const server = await startGitServer({ root: join(this.folder, 'remotes'), ...options });
    this.servers.push(server);
    return server;
  }

  /** A new empty repository on a server of its own; its URL. */
  async remote(options: Partial<GitServer['options']> = {}): Promise<string> {
    const { url } = await this.serve(options);
    const name = `${randomUUID()}.git`;
    await makeBare(join(this.folder, 'remotes', name));
    return `${url}/${name}`;
  }

  /** Folder of the remote. */
  bareOf(url: string): string {
    return join(this.folder, 'remotes', new URL(url).pathname);
  }

  mirror(repository: string): string {
    return join(this.dataDir, 'repositories', `${repository}.git`);
  }

  commit(url: string, files: FakeFiles, branch = 'main', subject?: string): Promise<string> {
    return commitTo(this.bareOf(url), branch, files, subject);
  }

  /** Command lines of live processes whose environment names this test's folder. */
  processes(): Promise<string[]> {
    return commandLines((environment) => environment.includes(this.folder));
  }
}

async function commandLines(wanted: (environment: string) => boolean): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (wanted(environment)) found.push(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''));
  }
  return found;
}

/** Is a `git archive` of this repository running? */
export async function archives(repository: string): Promise<boolean> {
  for (const pid of await readdir('/proc')) {
    const line = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') : '';
    if (line.includes(repository) && line.includes('archive')) return true;
  }
  return false;
}

export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not come true within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export async function allText(path: string): Promise<string> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return (await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')))).join('\n');
}
