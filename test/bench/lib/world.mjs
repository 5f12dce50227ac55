// One running installation for one row: private PostgreSQL, Redis and Caddy, api and worker as `npm start` runs them, the Docker Engine.
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { ApiClient } from '../../../deploy/setup/demo/api-client.mjs';
import { GitWorkTree } from '../../../deploy/setup/demo/git.mjs';
import { Engine } from '../../../deploy/setup/lib/engine.mjs';
import { Platform } from '../../../deploy/setup/lib/platform.mjs';
import { freeSettings } from '../../../deploy/setup/lib/settings.mjs';
import { until } from '../../../deploy/setup/lib/wait.mjs';
import { removeLabelled } from './leftovers.mjs';

const OWNER = { email: 'bench@example.test', password: 'correct horse battery staple', name: 'Bench' };
const OPEN = ['pending', 'building', 'deploying'];
const LOOK_MS = 20;
/** The platform removes what it made; beyond this the bench does. */
const REMOVAL_MS = 60_000;

/** The operator's own servers are never measured against. */
function environmentOf(more) {
  const { DATABASE_URL: _database, REDIS_URL: _redis, CONTAINR_DATA_DIR: _dir, ...env } = process.env;
  return { ...env, CONTAINR_BIND: '127.0.0.1', CONTAINR_EGRESS_ALLOW: '127.0.0.1/32', ...more };
}

export class World {
  /** @type {pg.Pool} kept connections: a new one for each look would start a server process each time */
  #database;

  /** @param {{ dir: string, platform: Platform, signal: AbortSignal }} made */
  constructor({ dir, platform, signal }) {
    Object.assign(this, { dir, platform, signal });
    this.api = new ApiClient(`http://127.0.0.1:${platform.settings.ports.api}`, signal);
  }

  /**
   * @param {{ scratch: string, env?: Record<string, string>, signals: { asked: AbortSignal, hurried: AbortSignal } }} options
   * @returns {Promise<World>} with its owner signed in (`api`)
   */
  static async start({ scratch, env = {}, signals }) {
    const dir = mkdtempSync(path.join(scratch, 'world-'));
    const all = environmentOf(env);
    const platform = new Platform({
      settings: await freeSettings(path.join(dir, 'data'), all),
      env: all,
      bind: ['127.0.0.1'],
    });
    signals.hurried.addEventListener('abort', () => platform.hurry());
    await platform.start(signals.asked);
    const world = new World({ dir, platform, signal: signals.asked });
    try {
      world.#connect();
      await world.api.signIn(OWNER, true);
      [{ installation_id: world.installation }] = await world.query('SELECT installation_id FROM installation');
      return world;
    } catch (error) {
      await platform.stop();
      throw error;
    }
  }

  #connect() {
    this.#database = new pg.Pool({ connectionString: this.databaseUrl, max: 2, idleTimeoutMillis: 0 });
    this.#database.on('error', () => {}); // of an idle connection; a query is rejected by itself
  }

  get databaseUrl() {
    return this.platform.databaseUrl;
  }

  get redisUrl() {
    return this.platform.redisUrl;
  }

  get apiPort() {
    return this.platform.settings.ports.api;
  }

  get httpPort() {
    return this.platform.settings.ports.http;
  }

  get engine() {
    return new Engine(this.platform.dockerHost);
  }

  /** @param {'api' | 'worker' | 'caddy' | 'postgres' | 'redis'} part */
  pid(part) {
    return this.platform.supervisor.processes()[part].pid;
  }

  /** Rows of the platform's own database. @returns {Promise<any[]>} */
  async query(sql, values = []) {
    return (await this.#database.query(sql, values)).rows;
  }

  project(name = 'Bench') {
    return this.api.call('POST', '/projects', { name });
  }

  /** @param {{ id: string }} project @param {{ name: string } & Record<string, unknown>} wish */
  service(project, wish) {
    return this.api.call('POST', `/projects/${project.id}/services`, { type: 'web', ...wish });
  }

  /** @param {{ id: string }} service */
  deploy(service, body = {}) {
    return this.api.call('POST', `/services/${service.id}/deployments`, body);
  }

  /** Until every step of a live deployment is done: the release before it is gone. @throws Error when it failed */
  async settled(id, within = 120_000) {
    const options = { what: `deployment ${id}`, within, every: LOOK_MS, signal: this.signal };
    const deployment = await until(() => this.#settled(id), options);
    if (deployment.status === 'running') return deployment;
    throw new Error(`deployment ${deployment.status}: ${deployment.error}`);
  }

  /** Asked of the database: the view of the API reads logs from the engine, which would be part of what is measured. */
  async #settled(id) {
    const [deployment] = await this.query(
      `SELECT d.status, d.error, (SELECT count(*) FROM run_steps s WHERE s.run_id = r.id AND s.status <> 'done') AS left
       FROM deployments d JOIN runs r ON r.subject_id = d.id AND r.workflow = 'deployment' WHERE d.id = $1`,
      [id],
    );
    if (OPEN.includes(deployment.status)) return null;
    return deployment.status !== 'running' || deployment.left === '0' ? deployment : null;
  }

  /** The service's built-in remote. @param {{ id: string }} service */
  remoteOf(service) {
    return `http://127.0.0.1:${this.apiPort}/git/${service.id}.git`;
  }

  /** @param {string} dir exists already and becomes the first commit @param {string} remote */
  async workTree(dir, remote) {
    const tree = new GitWorkTree({ dir, token: this.api.token, signal: this.signal });
    await tree.init(remote);
    return tree;
  }

  /** Stops everything; nothing of it stays on the engine. Works after an interruption too. */
  async close() {
    const { engine } = this;
    try {
      await this.#deleteProjects();
    } finally {
      await this.#database.end();
      await this.platform.stop();
      await removeLabelled(engine, `containr.installation=${this.installation}`);
      rmSync(this.dir, { recursive: true, force: true });
    }
  }

  async #deleteProjects() {
    if (this.signal.aborted) return; // the engine's things are removed by their label, which is quicker
    const { projects } = await this.api.call('GET', '/projects?limit=100');
    for (const { id } of projects) await this.api.call('DELETE', `/projects/${id}`);
    const label = JSON.stringify({ label: [`containr.installation=${this.installation}`] });
    const gone = async () =>
      (await this.engine.call('GET', '/containers/json', { params: { all: 'true', filters: label } })).length === 0;
    await until(gone, { what: 'removal', within: REMOVAL_MS, every: 100 });
  }
}
