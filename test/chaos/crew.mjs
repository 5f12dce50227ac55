// A second worker and a second API beside the platform's own, each under a supervisor of its own, so that a newer one can take its place.
import path from 'node:path';
import { apiPart, ENTRIES, platformEnv, workerPart } from '../../deploy/setup/lib/apps.mjs';
import { adminSocket } from '../../deploy/setup/lib/caddy.mjs';
import { freePort } from '../../deploy/setup/lib/ports.mjs';
import { Supervisor } from '../../deploy/setup/lib/supervisor.mjs';

/** @typedef {'api' | 'worker'} Role */

export class Crew {
  #count = 0;
  /** @type {Record<Role, { supervisor: Supervisor, port: number } | null>} */
  #seats = { api: null, worker: null };

  /** @param {{ dir: string, platform: object, entries: typeof ENTRIES }} options */
  constructor({ dir, platform, entries }) {
    Object.assign(this, { dir, platform, entries });
  }

  /** The same installation, another process. */
  #env(port) {
    const { settings, databaseUrl, redisUrl, dockerHost, secrets, bind, env } = this.platform;
    const own = { ...settings, ports: { ...settings.ports, api: port } };
    const socket = adminSocket(settings.dataDir);
    return platformEnv({ settings: own, databaseUrl, redisUrl, dockerHost, secrets, adminSocket: socket, bind }, env);
  }

  /** Starts one beside what is there; then the one that it replaces is told to stop. @param {Role} role */
  async replace(role) {
    const before = this.#seats[role];
    const port = await freePort();
    const supervisor = new Supervisor({ dataDir: path.join(this.dir, `${role}-${++this.#count}`) });
    const part = role === 'api' ? apiPart : workerPart;
    await supervisor.start(part(this.entries[role], this.#env(port)));
    this.#seats[role] = { supervisor, port };
    await before?.supervisor.stop();
  }

  /** Process ids of a role: the platform's own first. @param {Role} role @returns {number[]} */
  pids(role) {
    const found = [this.platform.supervisor, this.#seats[role]?.supervisor].map((one) => one?.processes()[role]?.pid);
    return found.filter((pid) => pid !== undefined);
  }

  /** Ports of the APIs. */
  get ports() {
    return [this.platform.settings.ports.api, this.#seats.api?.port].filter((port) => port !== undefined);
  }

  async stop() {
    await Promise.all(Object.values(this.#seats).map((seat) => seat?.supervisor.stop()));
  }
}
