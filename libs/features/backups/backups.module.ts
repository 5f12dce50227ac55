import { Global, Module, type OnModuleInit } from '@nestjs/common';
import { DATABASE_BACKUPS, DatabasesApiModule, DatabasesWorkerModule } from '#features/databases/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { WorkflowRegistry } from '#workflows/workflow.js';
import { Archives } from './archives.js';
import { backupFacts } from './backup-facts.js';
import { BackupFiles } from './backup-files.js';
import { BackupsController } from './backups.controller.js';
import { BackupsService } from './backups.service.js';
import { BackupSteps } from './backups.steps.js';
import { BackupWorkflows } from './backups.workflows.js';
import { DatabaseDumps } from './database-dumps.js';
import { RestoresService } from './restores.service.js';
import { BackupSchedules } from './schedules.js';
import { SchedulesService } from './schedules.service.js';
import { BackupSweeper } from './sweeper.js';
import { TargetStores } from './target-stores.js';
import { TargetsController } from './targets.controller.js';
import { TargetsService } from './targets.service.js';
import { TemporaryDatabases } from './temporary-databases.js';

/** Databases show what is known about their backups without knowing this feature. */
const databaseBackups = { provide: DATABASE_BACKUPS, inject: [PrismaService], useFactory: backupFacts };

@Global()
@Module({
  imports: [DatabasesApiModule],
  controllers: [BackupsController, TargetsController],
  providers: [
    Archives,
    BackupFiles,
    BackupsService,
    RestoresService,
    SchedulesService,
    TargetStores,
    TargetsService,
    databaseBackups,
  ],
  exports: [DATABASE_BACKUPS],
})
export class BackupsApiModule {}

@Module({
  imports: [DatabasesWorkerModule],
  providers: [
    Archives,
    BackupSchedules,
    BackupSteps,
    BackupSweeper,
    BackupWorkflows,
    DatabaseDumps,
    TargetStores,
    TemporaryDatabases,
  ],
  exports: [Archives, BackupSchedules, BackupSweeper, TargetStores],
})
export class BackupsWorkerModule implements OnModuleInit {
  constructor(
    private readonly registry: WorkflowRegistry,
    private readonly workflows: BackupWorkflows,
    private readonly steps: BackupSteps,
  ) {}

  onModuleInit(): void {
    for (const workflow of this.workflows.workflows()) this.registry.register(workflow, []);
    this.registry.addKinds(this.steps.kinds());
  }
}
