/** What other features may use of this one. */
export { unpackLines } from './archive-format.js';
export { ProjectSecrets } from './project-secrets.js';
export { HEAL, Reconciler } from './reconciler.js';
export {
  networkName,
  openConfig,
  portOf,
  type ReleaseConfig,
  releaseNames,
  sealConfig,
  workloadSpec,
} from './release-config.js';
export { type ReleaseRef, Releases } from './releases.js';
export { ReleasesWorkerModule } from './releases.module.js';
export { type LiveRelease, liveRelease, serviceTopic } from './releases.queries.js';
export { SERVICE_STOP } from './removal.workflows.js';
export { Routes } from './routes.js';
