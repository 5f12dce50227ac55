import { Global, Module, type OnModuleInit } from '@nestjs/common';
import { PROJECT_REMOVAL, type ProjectRemoval } from '#features/projects/index.js';
import { removeServicesOf } from '#features/services/index.js';
import { RunQueue } from '#workflows/run-queue.js';
import { WorkflowRegistry } from '#workflows/workflow.js';
import { Certificates } from './certificates.js';
import { DatabaseContainers } from './database-containers.js';
import { DatabaseLinksService } from './database-links.service.js';
import { DatabaseToolsService } from './database-tools.service.js';
import { DatabaseUseController } from './database-use.controller.js';
import { DatabasesController } from './databases.controller.js';
import { DatabaseReader } from './databases.reader.js';
import { DatabaseReconciler } from './databases.reconciler.js';
import { removeDatabasesOf } from './databases.removal.js';
import { DatabasesService } from './databases.service.js';
import { DatabaseSteps } from './databases.steps.js';
import { DatabaseWorkflows } from './databases.workflow.js';
import { DatabaseSampler } from './metrics.sampler.js';
import { DatabaseMetricsService } from './metrics.service.js';
import { PublicAccessService } from './public-access.service.js';
import { PublicProxies } from './public-proxies.js';

/** Deleting a project deletes what is in it in the same transaction. */
const projectRemoval = {
  provide: PROJECT_REMOVAL,
  inject: [RunQueue],
  useFactory:
    (queue: RunQueue): ProjectRemoval =>
    async (tx, projectId) => {
      const runs = [...(await removeServicesOf(tx, projectId)), ...(await removeDatabasesOf(tx, projectId))];
      return () => {
        for (const run of runs) queue.nudge(run);
      };
    },
};

// Global because projects, which know nothing of what is in them, ask for PROJECT_REMOVAL.
@Global()
@Module({
  controllers: [DatabasesController, DatabaseUseController],
  providers: [
    DatabasesService,
    DatabaseReader,
    DatabaseLinksService,
    DatabaseToolsService,
    DatabaseContainers,
    Certificates,
    DatabaseMetricsService,
    PublicAccessService,
    projectRemoval,
  ],
  exports: [PROJECT_REMOVAL, DatabasesService, DatabaseLinksService, DatabaseReader, DatabaseContainers],
})
export class DatabasesApiModule {}

@Module({
  providers: [
    DatabaseContainers,
    Certificates,
    DatabaseSteps,
    DatabaseWorkflows,
    DatabaseReconciler,
    DatabaseSampler,
    PublicProxies,
  ],
  exports: [DatabaseContainers, DatabaseReconciler, DatabaseSampler, PublicProxies],
})
export class DatabasesWorkerModule implements OnModuleInit {
  constructor(
    private readonly registry: WorkflowRegistry,
    private readonly workflows: DatabaseWorkflows,
    private readonly steps: DatabaseSteps,
  ) {}

  onModuleInit(): void {
    for (const workflow of this.workflows.workflows()) this.registry.register(workflow, []);
    this.registry.addKinds(this.steps.kinds());
  }
}
