// Seed -> what is deployed and what breaks. Pure: the same seed and options give the same plan.
import { randomOf } from './random.mjs';

/**
 * What a deployment of the plan is, and how it has to end when nothing breaks.
 * commit: a new version, pushed. again: the same commit once more. restart: the live image once more. broken: a version that ends right
 * after its start. bad-build: a version that does not build. cancel: a new version, cancelled soon after.
 * @typedef {'commit' | 'again' | 'restart' | 'broken' | 'bad-build' | 'cancel'} Kind
 * @typedef {{ service: number, kind: Kind, wait: number }} Wish wait: ms before it is asked for
 * @typedef {{ kind: string, wait: number, chance: number }} PlannedFault chance: 0 to 1, chooses among possible victims
 * @typedef {{ seed: number, wishes: Wish[], faults: PlannedFault[] }} Schedule
 */

/** Names of faults; what each does is in faults.mjs. Those of the second list need an engine and disks of our own. */
export const SHARED_FAULTS = [
  'kill-worker',
  'kill-api',
  'kill-caddy',
  'kill-container',
  'remove-container',
  'restart-postgres',
  'restart-redis',
  'flush-redis',
  'hang-postgres',
  'hang-docker',
  'clock-jump',
  'upgrade-worker',
  'upgrade-api',
];
export const PRIVATE_FAULTS = ['restart-docker', 'full-sources-disk', 'full-docker-disk'];

export const SERVICES = 3;

/** In the proportion in which they are drawn. */
const KINDS = ['commit', 'commit', 'commit', 'commit', 'again', 'restart', 'broken', 'bad-build', 'cancel'];

/** Every service first gets something that can be live. */
function wishes(random, count, pause) {
  return Array.from({ length: count }, (_, index) => ({
    service: index % SERVICES,
    kind: index < SERVICES ? 'commit' : random.pick(KINDS),
    wait: index < SERVICES ? 0 : random.between(...pause),
  }));
}

/** Each kind as often as the others: shuffled rounds, so that a short list already has most of them. */
function faults(random, kinds, count, pause) {
  const rounds = Array.from({ length: Math.ceil(count / kinds.length) }, () => random.shuffled(kinds));
  return rounds
    .flat()
    .slice(0, count)
    .map((kind) => ({ kind, wait: random.between(...pause), chance: random.number() }));
}

/**
 * @param {{ seed: number, deployments: number, kinds: string[], faults?: number, wishPause?: [number, number], faultPause?: [number, number] }} options
 *   pauses in ms
 * @returns {Schedule}
 */
export function scheduleOf({
  seed,
  deployments,
  kinds,
  wishPause = [500, 9000],
  faultPause = [300, 3500],
  ...options
}) {
  const random = randomOf(seed);
  const count = kinds.length ? (options.faults ?? Math.max(kinds.length, deployments)) : 0;
  return { seed, wishes: wishes(random, deployments, wishPause), faults: faults(random, kinds, count, faultPause) };
}
