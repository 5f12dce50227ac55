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
export { DatabaseLinksService } from './database-links.service.js';
export { DatabasesApiModule, DatabasesWorkerModule } from './databases.module.js';
export { planRestart, planStop, planUp, type Target } from './databases.plan.js';
export { type DatabaseRow, databaseLock, KEPT_DAYS, lockDatabase, requireDatabase } from './databases.queries.js';
export { type BackupFacts, DATABASE_BACKUPS, DatabaseReader } from './databases.reader.js';
export { DatabaseReconciler } from './databases.reconciler.js';
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
export { limitsOf, PLANS, planOf, settingsOf } from './plans.js';
export { PROXIES_TOPIC, PublicProxies } from './public-proxies.js';
export { outputNames, referenceTo, resolveReferences } from './references.js';
