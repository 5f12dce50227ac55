// From the call of rollback until the older version answers through the ingress.
import { randomUUID } from 'node:crypto';
import { appContext } from '../lib/app.mjs';
import { DockerFloor } from '../lib/floor-docker.mjs';
import { interleave } from '../lib/interleave.mjs';
import { ratioLine } from '../lib/pairs.mjs';
import { BenchService } from '../lib/service.mjs';
import { answers } from '../lib/visitor.mjs';

const WARMUP = 2;

/** docker run of an image that is there -> its first 200. */
async function runner(floor, signal) {
  const message = randomUUID();
  const image = await floor.build(appContext(message));
  return async () => {
    const started = performance.now();
    const running = await floor.start(image);
    const [address, port] = running.upstream.split(':');
    const at = await answers({ address, port: Number(port) }, message, signal);
    await floor.retire(running);
    return at - started;
  };
}

/** Two versions; each time the one that is not live is called back. */
async function roller(world, signal) {
  const subject = await BenchService.create(world, await world.project());
  const versions = [];
  for (const message of [randomUUID(), randomUUID()]) {
    await subject.deploy(message);
    versions.push({ message, id: (await subject.newest()).id });
  }
  return async () => {
    const wanted = versions[0];
    versions.reverse();
    const started = performance.now();
    const [at, { deployment }] = await Promise.all([
      answers(subject.target, wanted.message, signal),
      world.api.call('POST', `/deployments/${wanted.id}/rollback`),
    ]);
    await world.settled(deployment.id);
    return at - started;
  };
}

export default {
  name: 'rollback',
  what: 'POST rollback -> the older version answers through the ingress; floor: docker run -> first 200',

  /** @param {import('./index.mjs').Context} context */
  async run({ pairs, signal, say, world: start }) {
    const world = await start();
    const docker = new DockerFloor(world.platform.dockerHost, signal);
    try {
      const [floor, ours] = [await runner(docker, signal), await roller(world, signal)];
      const taken = await interleave({ pairs, warmup: WARMUP, signal, say, floor, ours });
      return [ratioLine({ label: 'call -> serving', unit: 'ms', ...taken, atMost: 1.5 })];
    } finally {
      await docker.close();
    }
  },
};
