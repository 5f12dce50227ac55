import { Module } from '@nestjs/common';
import { ProjectsController } from './projects.controller.js';
import { ProjectsService } from './projects.service.js';

/** A global module may provide PROJECT_REMOVAL; without one, deleting a project only marks its row. */
@Module({ controllers: [ProjectsController], providers: [ProjectsService] })
export class ProjectsApiModule {}
