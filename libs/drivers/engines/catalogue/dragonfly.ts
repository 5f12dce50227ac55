/**
 * Dragonfly in the image of its makers. It speaks Redis' protocol; flags come by environment as DFLY_<flag>
 * (https://www.dragonflydb.io/docs/managing-dragonfly/flags), and the password does not outlive a restart unless it is such a flag: `root`
 * stays the platform's, `app`'s is set again after each start.
 */
import { type Engine, jsonOf } from '../engine.js';
import { redis } from './redis.js';

void jsonOf;

export const dragonfly: Engine = {
  ...redis,
  kind: 'dragonfly',
  name: 'Dragonfly',
  repository: 'docker.dragonflydb.io/dragonflydb/dragonfly',
  versions: ['v1.25.1'],
  leastMemory: 512 * 2 ** 20,
};
