import { Module } from '@nestjs/common';
import { ProjectSecrets } from '#features/releases/index.js';
import { ArchivedLogs } from './archived-logs.js';
import { BuildLines } from './build-lines.js';
import { LogHub } from './container-feed.js';
import { LogContainers } from './containers.js';
import { DeploymentFollow } from './deployment-follow.js';
import { DeploymentLogs } from './deployment-logs.js';
import { LogsController } from './logs.controller.js';
import { RuntimeLogs } from './runtime-logs.js';
import { ServiceLogs } from './service-logs.js';

@Module({
  controllers: [LogsController],
  providers: [
    ProjectSecrets,
    ArchivedLogs,
    BuildLines,
    LogHub,
    LogContainers,
    RuntimeLogs,
    ServiceLogs,
    DeploymentLogs,
    DeploymentFollow,
  ],
  exports: [DeploymentLogs, BuildLines],
})
export class LogsApiModule {}
