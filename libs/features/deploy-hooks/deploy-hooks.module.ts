import { Module } from '@nestjs/common';
import { LogsApiModule } from '#features/logs/index.js';
import { DeployHooksController } from './deploy-hooks.controller.js';
import { DeployHooksService } from './deploy-hooks.service.js';
import { DeploymentWait } from './deployment-wait.js';

/** DeploymentsService comes from the deployments feature, which provides it for everybody. */
@Module({
  imports: [LogsApiModule],
  controllers: [DeployHooksController],
  providers: [DeployHooksService, DeploymentWait],
})
export class DeployHooksApiModule {}
