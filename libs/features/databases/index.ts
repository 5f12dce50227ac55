/** What other features and the apps may use of this one. */
export { type Credentials, newCredentials, newPassword, openCredentials, sealCredentials } from './credentials.js';
export {
  type ContainerRow,
  containerName,
  DatabaseContainers,
  type Instance,
  projectNetwork,
  type Told,
} from './database-containers.js';
export { DatabasesApiModule, DatabasesWorkerModule } from './databases.module.js';
export { planRestart, planStop, planUp, type Target } from './databases.plan.js';
export { type DatabaseRow, databaseLock, lockDatabase, requireDatabase } from './databases.queries.js';
export { type BackupFacts, DATABASE_BACKUPS } from './databases.reader.js';
export { DatabaseReconciler } from './databases.reconciler.js';
export { KEPT_DAYS } from './databases.removal.js';
export { DatabasesService } from './databases.service.js';
export { moveDatabase, requireRunning } from './databases.state.js';
export {
  DATABASE_DELETE,
  DATABASE_PURGE,
  DATABASE_RESTART,
  DATABASE_STOP,
  DATABASE_UP,
  databaseTopic,
} from './databases.workflow.js';
export { DatabaseSampler } from './metrics.sampler.js';
export { PLANS, planOf, settingsOf } from './plans.js';
export { resolveReferences } from './references.js';
