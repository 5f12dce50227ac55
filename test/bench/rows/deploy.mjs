// From `git push` to the new version answering through the ingress, one line changed, everything warm, an old version running.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { changeMessage, copyApp } from '../lib/app.mjs';
import { CaddyFloor } from '../lib/floor-caddy.mjs';
import { DockerFloor } from '../lib/floor-docker.mjs';
import { GitFloor } from '../lib/floor-git.mjs';
import { interleave } from '../lib/interleave.mjs';
import { boundLine, differences, ratioLine } from '../lib/pairs.mjs';
import { Undos } from '../lib/undos.mjs';
import { answers } from '../lib/visitor.mjs';

const WARMUP = 3;

/** @param {import('../lib/world.mjs').World} world @param {Undos} undos */
async function makeFloor(world, undos, signal) {
  const docker = new DockerFloor(world.platform.dockerHost, signal);
  undos.push(() => docker.close());
  const caddy = await CaddyFloor.start(world.dir);
  undos.push(() => caddy.close());
  const git = await GitFloor.create(world.dir, 'floor');
  const dir = path.join(world.dir, 'floor');
  copyApp(dir);
  const tree = await world.workTree(dir, git.bare);
  let old = null;
  return async () => {
    const message = `floor-${randomUUID()}`;
    await commit(tree, message);
    const started = performance.now();
    const seen = answers({ port: caddy.port, host: 'floor.test' }, message, signal);
    const served = Promise.all([seen, roll({ docker, caddy, git, tree })]);
    const [at, running] = await served;
    if (old) await docker.retire(old);
    old = running;
    return at - started;
  };
}

async function roll({ docker, caddy, git, tree }) {
  await tree.git(['push', '--quiet', 'containr', 'main']);
  const running = await docker.start(await docker.build(git.context()));
  await docker.listening(running.upstream);
  await caddy.switchTo(running.upstream);
  return running;
}

async function commit(tree, message) {
  changeMessage(tree.dir, message);
  await tree.commitAll(message);
}

/** @param {import('../lib/world.mjs').World} world */
async function makeOurs(world, signal) {
  const service = await world.service(await world.project(), { name: 'deploy', source: { type: 'git' } });
  const dir = path.join(world.dir, 'ours');
  copyApp(dir);
  const tree = await world.workTree(dir, world.remoteOf(service));
  const target = { port: world.httpPort, host: new URL(service.url).host };
  return async () => {
    const message = `ours-${randomUUID()}`;
    await commit(tree, message);
    const started = performance.now();
    const seen = answers(target, message, signal);
    const [at] = await Promise.all([seen, tree.git(['push', '--quiet', 'containr', 'main'])]);
    const { deployments } = await world.api.call('GET', `/services/${service.id}/deployments?limit=1`);
    await world.settled(deployments[0].id);
    return at - started;
  };
}

export default {
  name: 'deploy',
  what: 'git push -> the new version answers through the ingress; floor: git push to a folder, raw BuildKit, docker run, Caddy',

  /** @param {import('./index.mjs').Context} context */
  async run({ pairs, signal, say, world: start }) {
    const world = await start();
    const undos = new Undos();
    try {
      const [floor, ours] = [await makeFloor(world, undos, signal), await makeOurs(world, signal)];
      const taken = await interleave({ pairs, warmup: WARMUP, signal, say, floor, ours });
      const added = differences(taken.floor, taken.ours);
      return [
        ratioLine({ label: 'push -> new version answers', unit: 'ms', ...taken, atMost: 1.25 }),
        boundLine({ label: 'added to the floor', unit: 'ms', ours: added, atMost: 150 }),
        boundLine({ label: 'added', unit: 'ms', ours: added, atMost: 300, percent: 95 }),
      ];
    } finally {
      await undos.all();
    }
  },
};
