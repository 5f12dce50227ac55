/** What other features may use of this one. */
export { HEAL, Reconciler } from './reconciler.js';
export {
  networkName,
  openConfig,
  portOf,
  type ReleaseConfig,
  releaseNames,
  sealConfig,
  secretValues,
  workloadSpec,
} from './release-config.js';
export { type ReleaseRef, Releases } from './releases.js';
export { ReleasesWorkerModule } from './releases.module.js';
export { type LiveRelease, liveRelease, serviceTopic } from './releases.queries.js';
export { SERVICE_STOP } from './removal.workflows.js';
export { Routes } from './routes.js';
