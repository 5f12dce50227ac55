/** What is wanted and what is there -> the steps. Pure: every name is chosen here, none later. */

import { type ReleaseConfig, releaseNames } from '#features/releases/index.js';
import { type Plan, step } from '#workflows/plan.js';

export interface Want {
  deploymentId: string;
  config: Pick<
    ReleaseConfig,
    'type' | 'alias' | 'replicas' | 'source' | 'serviceId' | 'settings' | 'after' | 'afterRuns'
  >;
  branch: string | null;
  commit: string | null;
  /** Set when the image is already known (restart, start, rollback): nothing is fetched or built. */
  image: string | null;
}

/** The release that serves now. */
export interface Have {
  deploymentId: string;
  names: string[];
  port: number | null;
  drainSeconds: number;
  graceSeconds: number;
}

export function planDeployment(want: Want, have: Have | null): Plan {
  const self = { deployment: want.deploymentId };
  const { after = [], afterRuns = [] } = want.config;
  const awaited = { ...self, after, ...(afterRuns.length > 0 ? { runs: afterRuns } : {}) };
  const waits = after.length + afterRuns.length > 0;
  // Images are made while the others still start.
  const image = [...imageSteps(want), ...(waits ? [step('dependencies.await', awaited)] : [])];
  if (want.config.type === 'cron') return [...image, step('release.activate', self)];
  const names = releaseNames(want.config, want.deploymentId);
  // A deployment that is live again (started after a stop) must not be retired as its own predecessor.
  const old = have && have.deploymentId !== want.deploymentId ? have : null;
  const release = [
    ...image,
    step('release.start', { ...self, names }),
    step('release.await', { ...self, within: want.config.settings.health_check_timeout }),
    want.config.type === 'web'
      ? step('route.switch', { ...self, back: old?.deploymentId ?? null })
      : step('release.activate', self),
  ];
  return old ? [...release, ...retireSteps(old, want.config.type)] : release;
}

function imageSteps(want: Want): Plan {
  const self = { deployment: want.deploymentId };
  // `release.start` requires the image too; a cron service starts nothing yet.
  if (want.image) return want.config.type === 'cron' ? [step('image.require', { ...self, image: want.image })] : [];
  const { source, serviceId } = want.config;
  if (source.type === 'image') return [step('image.pull', { ...self, ref: source.image ?? '' })];
  const tag = `containr/${serviceId}:${want.deploymentId.slice(-12)}`;
  return [
    step('source.fetch', {
      ...self,
      repository: serviceId,
      url: source.repository ?? null,
      ...(source.provider_id ? { provider: source.provider_id } : {}),
      branch: want.branch,
      commit: want.commit,
    }),
    step('image.build', { ...self, tag }),
  ];
}

function retireSteps(old: Have, type: string): Plan {
  const { names, port, graceSeconds } = old;
  const drain = type === 'web' && port ? [step('release.drain', { names, port, within: old.drainSeconds })] : [];
  return [...drain, step('release.retire', { names, grace: graceSeconds })];
}
