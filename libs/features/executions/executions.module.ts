import { Module, type OnModuleInit } from '@nestjs/common';
import { ReleasesWorkerModule } from '#features/releases/index.js';
import { WorkflowRegistry } from '#workflows/workflow.js';
import { ExecutionsController } from './executions.controller.js';
import { ExecutionSchedule } from './executions.schedule.js';
import { ExecutionsService } from './executions.service.js';
import { ExecutionWorkflow } from './executions.workflow.js';

@Module({ controllers: [ExecutionsController], providers: [ExecutionsService] })
export class ExecutionsApiModule {}

@Module({
  imports: [ReleasesWorkerModule],
  providers: [ExecutionSchedule, ExecutionWorkflow],
  exports: [ExecutionSchedule],
})
export class ExecutionsWorkerModule implements OnModuleInit {
  constructor(
    private readonly registry: WorkflowRegistry,
    private readonly workflow: ExecutionWorkflow,
  ) {}

  onModuleInit(): void {
    this.registry.register(this.workflow.workflow(), this.workflow.kinds());
  }
}
