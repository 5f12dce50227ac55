import { Module, type OnModuleInit } from '@nestjs/common';
import { BuildLogs, LogsApiModule } from '#features/logs/index.js';
import { RegistryLogins } from '#features/registries/index.js';
import { ProjectSecrets } from '#features/releases/index.js';
import { WorkflowRegistry } from '#workflows/workflow.js';
import { BuildDesk } from './build-desk.js';
import { BuildLogText } from './build-logs.js';
import { BuildRecords } from './build-records.js';
import { BuildSlots } from './build-slots.js';
import { BuildsController } from './builds.controller.js';
import { BuildsService } from './builds.service.js';
import { BuildSteps } from './builds.steps.js';
import { BuildWorkflow } from './builds.workflow.js';
import { ImageMaker } from './image-maker.js';

@Module({
  imports: [LogsApiModule],
  controllers: [BuildsController],
  providers: [BuildsService, BuildLogText],
})
export class BuildsApiModule {}

@Module({
  providers: [
    BuildLogs,
    ProjectSecrets,
    RegistryLogins,
    BuildSlots,
    BuildRecords,
    BuildDesk,
    BuildSteps,
    BuildWorkflow,
    ImageMaker,
  ],
  exports: [BuildRecords, ImageMaker],
})
export class BuildsWorkerModule implements OnModuleInit {
  constructor(
    private readonly registry: WorkflowRegistry,
    private readonly workflow: BuildWorkflow,
    private readonly steps: BuildSteps,
  ) {}

  onModuleInit(): void {
    this.registry.register(this.workflow.workflow(), this.steps.kinds());
  }
}
