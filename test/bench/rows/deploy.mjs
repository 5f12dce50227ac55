// From `git push` to the new version answering through the ingress: one line changed, everything warm, an old version running.
import { DeployFloor } from '../lib/floor.mjs';
import { interleave } from '../lib/interleave.mjs';
import { boundLine, differences, ratioLine } from '../lib/pairs.mjs';
import { BenchService } from '../lib/service.mjs';
import { Undos } from '../lib/undos.mjs';

const WARMUP = 3;

export default {
  name: 'deploy',
  what: 'git push -> the new version answers through the ingress; floor: git push by path, raw BuildKit, docker run, Caddy',

  /** @param {import('./index.mjs').Context} context */
  async run({ pairs, signal, say, world: start }) {
    const world = await start();
    const undos = new Undos();
    try {
      const floor = await DeployFloor.start(world, undos, signal);
      const ours = await BenchService.create(world, await world.project());
      const sides = { floor: () => floor.deploy(), ours: () => ours.deploy() };
      const taken = await interleave({ pairs, warmup: WARMUP, signal, say, ...sides });
      const added = { unit: 'ms', ours: differences(taken.floor, taken.ours) };
      return [
        ratioLine({ label: 'push -> new version answers', unit: 'ms', ...taken, atMost: 1.25 }),
        boundLine({ label: 'added to the floor', ...added, atMost: 150 }),
        boundLine({ label: 'added to the floor', ...added, atMost: 300, percent: 95 }),
      ];
    } finally {
      await undos.all();
    }
  },
};
