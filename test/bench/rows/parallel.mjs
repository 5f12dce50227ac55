// Twelve apps at once, four at a time: deployments per minute, each one until the version it replaces is gone.
import { randomUUID } from 'node:crypto';
import { appContext } from '../lib/app.mjs';
import { commit, push } from '../lib/floor.mjs';
import { DockerFloor } from '../lib/floor-docker.mjs';
import { interleave } from '../lib/interleave.mjs';
import { ratioLine } from '../lib/pairs.mjs';
import { BenchService } from '../lib/service.mjs';

const APPS = 12;
const AT_ONCE = 4;
/** Stored by the built-in remote, not deployed: the deployments are asked for all at once. */
const BRANCH = 'next';

const perMinute = (ms) => (APPS * 60_000) / ms;

/** Build, run, listen, replace: without git, without an ingress. */
function floorSample(docker) {
  const running = Array(APPS).fill(null);
  const replace = async (index) => {
    const next = await docker.start(await docker.build(appContext(randomUUID())));
    await docker.listening(next.upstream);
    if (running[index]) await docker.retire(running[index]);
    running[index] = next;
  };
  return async () => {
    const started = performance.now();
    const waiting = running.keys();
    const work = async () => {
      for (const index of waiting) await replace(index);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return perMinute(performance.now() - started);
  };
}

async function oursSample(world) {
  const project = await world.project();
  const subjects = [];
  for (let i = 0; i < APPS; i++) subjects.push(await BenchService.create(world, project));
  const deploy = async ({ service }) => {
    const { id } = await world.deploy(service, { branch: BRANCH });
    await world.settled(id);
  };
  return async () => {
    for (const { tree } of subjects) {
      await commit(tree, randomUUID());
      await push(tree, BRANCH);
    }
    const started = performance.now();
    await Promise.all(subjects.map(deploy));
    return perMinute(performance.now() - started);
  };
}

export default {
  name: 'parallel',
  what: `${APPS} apps, ${AT_ONCE} at a time: deployments per minute; floor: raw build, run, listen, stop the old one`,

  /** @param {import('./index.mjs').Context} context */
  async run({ pairs, signal, say, world: start }) {
    const world = await start({ CONTAINR_WORKER_CONCURRENCY: String(AT_ONCE) });
    const docker = new DockerFloor(world.platform.dockerHost, signal);
    try {
      const sides = { floor: floorSample(docker), ours: await oursSample(world) };
      const taken = await interleave({ pairs, signal, say, ...sides });
      return [ratioLine({ label: `${APPS} apps, ${AT_ONCE} at a time`, unit: '/min', ...taken, atLeast: 0.85 })];
    } finally {
      await docker.close();
    }
  },
};
