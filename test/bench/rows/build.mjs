// The builder alone: one changed source line, base image and cache warm.
import { randomUUID } from 'node:crypto';
import { DockerBuilder } from '#drivers/builder/buildkit.js';
import { appContext } from '../lib/app.mjs';
import { DockerFloor } from '../lib/floor-docker.mjs';
import { interleave } from '../lib/interleave.mjs';
import { ratioLine } from '../lib/pairs.mjs';

const LIMITS = { cpus: 2, memoryBytes: 4 * 2 ** 30, timeoutMs: 120_000 };
const WARMUP = 3;
/** A build is short and the machine is not quiet: more pairs cost little. */
const TIMES = 3;

async function timed(work) {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

export default {
  name: 'build',
  what: 'warm build of a context with one changed line; floor: POST /build of the same context',

  /** @param {import('./index.mjs').Context} context */
  async run({ pairs, signal, say }) {
    const floor = new DockerFloor(undefined, signal);
    const builder = new DockerBuilder({ dockerHost: floor.engine.host });
    const [label, value] = floor.label.split('=');
    const request = {
      dockerfile: 'Dockerfile',
      buildArgs: {},
      secrets: {},
      labels: { [label]: value },
      limits: LIMITS,
    };
    const build = () => {
      const what = {
        ...request,
        tag: `containr-bench/${randomUUID()}:ours`,
        context: appContext(randomUUID()),
        log() {},
      };
      return builder.build(what, signal);
    };
    const sides = { floor: () => timed(() => floor.build(appContext(randomUUID()))), ours: () => timed(build) };
    try {
      const taken = await interleave({ pairs: pairs * TIMES, warmup: WARMUP, signal, say, ...sides });
      return [ratioLine({ label: 'warm build', unit: 'ms', ...taken, atMost: 1.1 })];
    } finally {
      await floor.close();
    }
  },
};
