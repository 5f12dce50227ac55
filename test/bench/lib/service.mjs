// One service with a built-in remote, as a row drives it.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { copyApp } from './app.mjs';
import { commit, push } from './floor.mjs';
import { answers } from './visitor.mjs';

export class BenchService {
  /**
   * @param {import('./world.mjs').World} world
   * @param {{ id: string }} project
   * @param {Record<string, unknown>} [wish] @param {(dir: string) => void} [app] fills the work tree
   */
  static async create(world, project, wish = {}, app = copyApp) {
    const made = new BenchService();
    const name = `bench-${randomUUID().slice(0, 8)}`;
    const service = await world.service(project, { name, source: { type: 'git' }, ...wish });
    const dir = path.join(world.dir, name);
    app(dir);
    const tree = await world.workTree(dir, world.remoteOf(service));
    const target = { port: world.httpPort, host: new URL(service.url).host };
    return Object.assign(made, { world, service, tree, target });
  }

  /** One changed line, from the push to the new answer; resolves when the old version is gone. @returns {Promise<number>} ms */
  async deploy(message = `ours-${randomUUID()}`) {
    await commit(this.tree, message);
    const started = performance.now();
    const seen = answers(this.target, message, this.world.signal);
    const [at] = await Promise.all([seen, push(this.tree)]);
    await this.world.settled((await this.newest()).id);
    return at - started;
  }

  /** Its newest deployment; undefined before the first. */
  async newest() {
    const { deployments } = await this.world.api.call('GET', `/services/${this.service.id}/deployments?limit=1`);
    return deployments[0];
  }
}
