/** What the apps may use of this feature. */
export { BackupsApiModule, BackupsWorkerModule } from './backups.module.js';
export { BACKUPS_CHANGED } from './backups.workflows.js';
export { BackupSchedules } from './schedules.js';
export { BackupSweeper } from './sweeper.js';
