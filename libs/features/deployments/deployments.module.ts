import { Global, Module, type OnModuleInit } from '@nestjs/common';
import { BuildsWorkerModule } from '#features/builds/index.js';
import { PUSH_DEPLOYER, type PushDeployer } from '#features/git/index.js';
import { BuildLogs, LogsApiModule } from '#features/logs/index.js';
import { ReleasesWorkerModule } from '#features/releases/index.js';
import { WorkflowRegistry } from '#workflows/workflow.js';
import { DependencySteps } from './dependency.steps.js';
import { DeploymentRecords } from './deployment-records.js';
import { DeploymentActions } from './deployments.actions.js';
import { DeploymentsController } from './deployments.controller.js';
import { DeploymentsReader } from './deployments.reader.js';
import { DeploymentsService } from './deployments.service.js';
import { DeploymentWorkflow } from './deployments.workflow.js';
import { ImageSteps } from './image.steps.js';
import { RolloutSteps } from './rollout.steps.js';

const pushDeployer = {
  provide: PUSH_DEPLOYER,
  inject: [DeploymentsService],
  useFactory:
    (deployments: DeploymentsService): PushDeployer =>
    async ({ caller, serviceId, branch, commit }) => ({
      deploymentId: (await deployments.create(caller, serviceId, { branch, commit_hash: commit }, 'push')).id,
    }),
};

@Global()
@Module({
  imports: [LogsApiModule],
  controllers: [DeploymentsController],
  providers: [DeploymentsService, DeploymentsReader, DeploymentActions, pushDeployer],
  exports: [DeploymentsService, PUSH_DEPLOYER],
})
export class DeploymentsApiModule {}

@Module({
  imports: [ReleasesWorkerModule, BuildsWorkerModule],
  providers: [BuildLogs, DependencySteps, DeploymentRecords, DeploymentWorkflow, ImageSteps, RolloutSteps],
})
export class DeploymentsWorkerModule implements OnModuleInit {
  constructor(
    private readonly registry: WorkflowRegistry,
    private readonly workflow: DeploymentWorkflow,
    private readonly image: ImageSteps,
    private readonly rollout: RolloutSteps,
    private readonly dependencies: DependencySteps,
  ) {}

  onModuleInit(): void {
    const kinds = [...this.image.kinds(), ...this.dependencies.kinds(), ...this.rollout.kinds()];
    this.registry.register(this.workflow.workflow(), kinds);
  }
}
