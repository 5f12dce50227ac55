import { Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { LogsApiModule } from '#features/logs/index.js';
import { TokensApiModule } from '#features/tokens/index.js';
import { GitController } from './git.controller.js';
import { registerGitBodies } from './git-bodies.js';
import { GitRemote } from './git-remote.js';
import { PushService } from './push.service.js';
import { PushWatch } from './push-watch.js';

/** Needs PUSH_DEPLOYER, which the deployments feature provides for everybody. */
@Module({
  imports: [TokensApiModule, LogsApiModule],
  controllers: [GitController],
  providers: [GitRemote, PushService, PushWatch],
})
export class GitApiModule implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    registerGitBodies(this.host.httpAdapter.getInstance<FastifyInstance>());
  }
}
