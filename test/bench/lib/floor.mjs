// The whole floor of a deployment: push by path, raw build, run, knock, switch.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { changeMessage, copyApp } from './app.mjs';
import { CaddyFloor } from './floor-caddy.mjs';
import { DockerFloor } from './floor-docker.mjs';
import { GitFloor } from './floor-git.mjs';
import { answers } from './visitor.mjs';

export class DeployFloor {
  #running = null;

  /** @param {import('./world.mjs').World} world @param {import('./undos.mjs').Undos} undos @param {AbortSignal} signal */
  static async start(world, undos, signal) {
    const floor = new DeployFloor();
    floor.signal = signal;
    floor.docker = new DockerFloor(world.platform.dockerHost, signal);
    undos.push(() => floor.docker.close());
    floor.caddy = await CaddyFloor.start(world.dir);
    undos.push(() => floor.caddy.close());
    floor.git = await GitFloor.create(world.dir, `floor-${randomUUID()}`);
    const dir = path.join(world.dir, `floor-${randomUUID()}`);
    copyApp(dir);
    floor.tree = await world.workTree(dir, floor.git.bare);
    return floor;
  }

  /** One changed line, from the push to the new answer. @returns {Promise<number>} ms */
  async deploy() {
    const message = `floor-${randomUUID()}`;
    await commit(this.tree, message);
    const started = performance.now();
    const seen = answers({ port: this.caddy.port }, message, this.signal);
    const [at, running] = await Promise.all([seen, this.#roll()]);
    if (this.#running) await this.docker.retire(this.#running);
    this.#running = running;
    return at - started;
  }

  async #roll() {
    await push(this.tree);
    const running = await this.docker.start(await this.docker.build(this.git.context()));
    await this.docker.listening(running.upstream);
    await this.caddy.switchTo(running.upstream);
    return running;
  }
}

/** @param {import('../../../deploy/setup/demo/git.mjs').GitWorkTree} tree @param {string} message */
export async function commit(tree, message) {
  changeMessage(tree.dir, message);
  await tree.commitAll(message);
}

/** @param {import('../../../deploy/setup/demo/git.mjs').GitWorkTree} tree */
export const push = (tree, branch = 'main') => tree.git(['push', '--quiet', 'containr', `HEAD:refs/heads/${branch}`]);
