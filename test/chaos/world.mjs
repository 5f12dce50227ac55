// One installation to attack: PostgreSQL and Docker behind proxies, two workers, two APIs, one Caddy.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ENTRIES } from '../../deploy/setup/lib/apps.mjs';
import { ensureDocker } from '../../deploy/setup/lib/docker.mjs';
import { Engine, target } from '../../deploy/setup/lib/engine.mjs';
import { Platform } from '../../deploy/setup/lib/platform.mjs';
import { freeSettings } from '../../deploy/setup/lib/settings.mjs';
import { mountDisk } from './cell.mjs';
import { Crew } from './crew.mjs';
import { Database } from './database.mjs';
import { Dockerd } from './dockerd.mjs';
import { openProxy } from './proxy.mjs';

export const BASE_IMAGE = 'node:20-bookworm-slim';
const SOURCES_DISK = '48m';
/** The disks of the chaos are far smaller than what the platform keeps free by default. */
const SMALL_DISKS = { CONTAINR_DISK_MIN_FREE_GB: '0.02' };

export class World {
  #undo = [];

  /** @param {{ isPrivate: boolean, imageEngine: string }} options isPrivate: with a dockerd and disks of its own (see cell.mjs) */
  constructor({ isPrivate, imageEngine }) {
    Object.assign(this, { isPrivate, imageEngine });
    this.dir = mkdtempSync(path.join(os.tmpdir(), 'containr-chaos-'));
    this.dataDir = path.join(this.dir, 'data');
    this.clockFile = path.join(this.dir, 'clock');
    this.sourcesDir = path.join(this.dataDir, 'repositories');
  }

  async start() {
    mkdirSync(this.sourcesDir, { recursive: true, mode: 0o700 });
    if (this.isPrivate) this.#undo.push(await mountDisk(this.sourcesDir, SOURCES_DISK));
    this.setClock(0);
    await this.#startServers();
    await this.#startDocker();
    await this.#startPlatform();
    await Promise.all([this.crew.replace('api'), this.crew.replace('worker')]);
    const [row] = await this.database.rows('SELECT installation_id FROM installation');
    this.installation = row.installation_id;
  }

  async #startServers() {
    const env = this.#env({});
    const settings = await freeSettings(path.join(this.dir, 'servers'), env);
    this.servers = new Platform({ settings, env, entries: null, docker: false });
    this.#undo.push(() => this.servers.stop());
    await this.servers.start();
    this.database = new Database(this.servers.databaseUrl);
    const { hostname, port } = new URL(this.servers.databaseUrl);
    this.postgresProxy = await this.#proxy({ host: hostname, port: Number(port) });
  }

  async #startDocker() {
    if (this.isPrivate) {
      this.dockerd = new Dockerd(path.join(this.dir, 'docker'));
      this.#undo.push(() => this.dockerd.close());
      await this.dockerd.open();
      await this.dockerd.copyImage(BASE_IMAGE, new Engine(this.imageEngine));
      this.engine = this.dockerd.engine;
    } else {
      const { dockerHost, release } = await ensureDocker(process.env);
      this.#undo.push(release);
      this.engine = new Engine(dockerHost);
    }
    const { socketPath, host, port } = target(this.engine.host);
    this.dockerProxy = await this.#proxy(socketPath ? { path: socketPath } : { host, port: Number(port) });
  }

  async #proxy(where) {
    const proxy = await openProxy(where);
    this.#undo.push(() => proxy.close());
    return proxy;
  }

  async #startPlatform() {
    const url = new URL(this.servers.databaseUrl);
    url.port = String(this.postgresProxy.port);
    const dockerHost = `tcp://127.0.0.1:${this.dockerProxy.port}`;
    const env = this.#env({ DATABASE_URL: url.href, REDIS_URL: this.servers.redisUrl, DOCKER_HOST: dockerHost });
    const clock = path.join(import.meta.dirname, 'clock.mjs');
    const entries = Object.fromEntries(
      Object.entries(ENTRIES).map(([name, args]) => [name, ['--import', clock, ...args]]),
    );
    const settings = await freeSettings(this.dataDir, env);
    this.platform = new Platform({ settings, env, entries, bind: ['127.0.0.1'] });
    this.crew = new Crew({ dir: path.join(this.dir, 'crew'), platform: this.platform, entries });
    this.#undo.push(() => this.platform.stop());
    this.#undo.push(() => this.crew.stop());
    await this.platform.start();
  }

  /** Nothing of the operator's own installation. */
  #env(more) {
    const {
      DATABASE_URL: _database,
      REDIS_URL: _redis,
      CONTAINR_DATA_DIR: _dir,
      DOCKER_HOST: _docker,
      ...env
    } = process.env;
    return { ...env, CONTAINR_BIND: '127.0.0.1', CHAOS_CLOCK_FILE: this.clockFile, ...SMALL_DISKS, ...more };
  }

  /** Moves the wall clock of every API and worker. @param {number} offset ms */
  setClock(offset) {
    writeFileSync(this.clockFile, String(offset));
  }

  get httpPort() {
    return this.platform.settings.ports.http;
  }

  /** Things on the engine that are this installation's. @param {'containers' | 'images' | 'networks' | 'volumes'} what */
  async things(what) {
    const params = { filters: JSON.stringify({ label: [`containr.installation=${this.installation}`] }) };
    const routes = {
      containers: '/containers/json',
      images: '/images/json',
      networks: '/networks',
      volumes: '/volumes',
    };
    const found = await this.engine.call('GET', routes[what], {
      params: what === 'containers' ? { ...params, all: 'true' } : params,
    });
    return what === 'volumes' ? (found.Volumes ?? []) : found;
  }

  async #removeThings() {
    if (!this.installation) return;
    for (const { Id } of await this.things('containers'))
      await this.engine.call('DELETE', `/containers/${Id}`, { params: { force: 'true', v: 'true' } });
    for (const { Id } of await this.things('networks')) await this.engine.call('DELETE', `/networks/${Id}`);
    for (const { Name } of await this.things('volumes')) await this.engine.call('DELETE', `/volumes/${Name}`);
    for (const { Id } of await this.things('images'))
      await this.engine.call('DELETE', `/images/${Id}`, { params: { force: 'true' } });
  }

  /** Nothing that it made is left. */
  async stop() {
    await this.crew?.stop();
    await this.platform?.stop();
    await this.#removeThings();
    for (const undo of this.#undo.splice(0).toReversed()) await undo();
    if (!process.env.CHAOS_KEEP) rmSync(this.dir, { recursive: true, force: true });
  }
}
