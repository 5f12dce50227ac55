/** Git repositories on a real HTTP server. */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { FakeFiles } from '#drivers/source/fake.js';
import { type GitServer, startGitServer } from '#drivers/source/testing/git-server.js';
import { commitTo, makeBare } from '#drivers/source/testing/git-work.js';

export interface Remote {
  url: string;
  /** Exactly these files become the next commit of the branch (`main`); its id. */
  commit(files: FakeFiles, branch?: string): Promise<string>;
}

export class Remotes {
  private readonly servers: GitServer[] = [];

  private constructor(
    private readonly root: string,
    readonly server: GitServer,
  ) {
    this.servers.push(server);
  }

  static async open(root: string): Promise<Remotes> {
    return new Remotes(root, await startGitServer({ root }));
  }

  /** A new repository with one commit. */
  async create(files: FakeFiles, server = this.server): Promise<Remote> {
    const name = `${randomUUID()}.git`;
    const bare = path.join(this.root, name);
    await makeBare(bare);
    const commit = (content: FakeFiles, branch = 'main') => commitTo(bare, branch, content);
    await commit(files);
    return { url: `${server.url}/${name}`, commit };
  }

  /** The same repositories behind a login. */
  async locked(): Promise<GitServer> {
    const server = await startGitServer({ root: this.root, auth: { username: 'somebody', password: 'secret' } });
    this.servers.push(server);
    return server;
  }

  async close(): Promise<void> {
    for (const server of this.servers) await server.close();
  }
}
