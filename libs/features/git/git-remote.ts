/** The built-in remotes of this process: git's HTTP backend and the socket on which its hook asks what to do with a push. */
import path from 'node:path';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { GitHttpBackend } from '#drivers/source/http-backend.js';
import { HookServer } from '#drivers/source/http-backend-hook-server.js';
import { ensureHooks } from '#drivers/source/http-backend-hooks.js';
import { CONFIG, type Config } from '#platform/config.js';
import { PushService } from './push.service.js';

interface Running {
  backend: GitHttpBackend;
  hooks: HookServer;
}

@Injectable()
export class GitRemote implements OnModuleDestroy {
  private running: Promise<Running> | null = null;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly pushes: PushService,
  ) {}

  /** Started by the first request that needs it: a process that serves no git leaves no socket and no hook behind. */
  async backend(): Promise<GitHttpBackend> {
    this.running ??= this.start();
    try {
      return (await this.running).backend;
    } catch (error) {
      this.running = null;
      throw error;
    }
  }

  async onModuleDestroy(): Promise<void> {
    const running = await this.running?.catch(() => null); // it never started
    await running?.hooks.close();
  }

  private async start(): Promise<Running> {
    const dataDir = this.config.CONTAINR_DATA_DIR;
    const hooksDir = await ensureHooks(path.join(dataDir, 'hooks'));
    const socketPath = path.join(dataDir, 'run', `git-${process.pid}.sock`);
    const hooks = new HookServer({ socketPath, onPush: (push, out) => this.pushes.decide(push, out) });
    await hooks.listen();
    return { backend: new GitHttpBackend({ hooks, hooksDir }), hooks };
  }
}
