import { Module } from '@nestjs/common';
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
  providers: [BuildLines, LogHub, LogContainers, RuntimeLogs, ServiceLogs, DeploymentLogs, DeploymentFollow],
  exports: [DeploymentLogs, BuildLines],
})
export class LogsApiModule {}
