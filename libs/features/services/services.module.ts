import { Global, Module } from '@nestjs/common';
import { PROJECT_REMOVAL, type ProjectRemoval } from '#features/projects/index.js';
import { RunQueue } from '#workflows/run-queue.js';
import { ServicesController } from './services.controller.js';
import { removeServicesOf } from './services.removal.js';
import { ServicesService } from './services.service.js';
import { VariablesService } from './variables.service.js';
import { VolumesService } from './volumes.service.js';

/** Deleting a project deletes its services in the same transaction. */
const projectRemoval = {
  provide: PROJECT_REMOVAL,
  inject: [RunQueue],
  useFactory:
    (queue: RunQueue): ProjectRemoval =>
    async (tx, projectId) => {
      const runs = await removeServicesOf(tx, projectId);
      return () => {
        for (const run of runs) queue.nudge(run);
      };
    },
};

// Global because projects, which know nothing of services, ask for PROJECT_REMOVAL.
@Global()
@Module({
  controllers: [ServicesController],
  providers: [ServicesService, VariablesService, VolumesService, projectRemoval],
  exports: [PROJECT_REMOVAL, ServicesService, VariablesService],
})
export class ServicesApiModule {}
