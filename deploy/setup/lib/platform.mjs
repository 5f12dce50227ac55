// One installation: its servers, its ingress, its api and its worker.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { apiPart, ENTRIES, migrate, platformEnv, workerPart } from './apps.mjs';
import { adminSocket, caddyPart } from './caddy.mjs';
import { ensureDocker } from './docker.mjs';
import { ensurePrivateDir, readJson, writeAtomic } from './files.mjs';
import { lock } from './lock.mjs';
import { SetupError } from './log.mjs';
import { freePort, isFree } from './ports.mjs';
import { ensureDatabase, postgresPart, postgresUrl } from './postgres.mjs';
import { isAlive } from './processes.mjs';
import { redisPart, redisUrl } from './redis.mjs';
import { ensureSecrets, requireKeyForData } from './secrets.mjs';
import { requireFreePorts } from './settings.mjs';
import { Supervisor } from './supervisor.mjs';

const DATABASE = 'containr';

/** Takes the data folder for this process. @returns {Promise<() => void>} gives it back */
async function claim(dataDir) {
  ensurePrivateDir(dataDir);
  const taken = await lock(path.join(ensurePrivateDir(path.join(dataDir, 'run')), 'supervisor.lock'));
  if (taken.release) return taken.release;
  throw new SetupError([
    `Containr is already running on ${dataDir} (process ${taken.holder.pid}).`,
    'For a second installation set CONTAINR_DATA_DIR, PORT, CONTAINR_INGRESS_HTTP_PORT and CONTAINR_INGRESS_HTTPS_PORT.',
  ]);
}

/** The port of a private server: the one it had last time, unless somebody else took it meanwhile. */
async function rememberedPort(dataDir, name, survivor) {
  const file = path.join(dataDir, `run/${name}.port.json`);
  const port = readJson(file);
  if (port !== null && (isAlive(survivor) || (await isFree(port)))) return port;
  const chosen = await freePort();
  writeAtomic(file, JSON.stringify(chosen));
  return chosen;
}

export class Platform {
  #undo = [];

  /**
   * @param {object} options
   * @param {import('./settings.mjs').Settings} options.settings
   * @param {boolean} [options.echo] show the output of api and worker
   * @param {string[]} [options.bind] addresses of the ingress; default: all
   * @param {NodeJS.ProcessEnv} [options.env]
   * @param {{ api: string[], worker: string[] } | null} [options.entries] null: servers only, no ingress
   * @param {boolean} [options.docker] false: without a Docker Engine
   * @param {Record<string, string>} [options.postgres] settings of the private PostgreSQL
   * @param {(databaseUrl: string) => Promise<void>} [options.migrate]
   */
  constructor(options) {
    Object.assign(this, { echo: false, env: process.env, entries: ENTRIES, docker: true, migrate }, options);
    this.bind ??= (this.env.CONTAINR_INGRESS_BIND ?? '')
      .split(',')
      .map((text) => text.trim())
      .filter(Boolean);
  }

  /** Resolves when everything is ready; after a failure nothing that it started is left. @param {AbortSignal} [signal] */
  async start(signal) {
    const onAbort = () => void this.supervisor?.interrupt();
    signal?.addEventListener('abort', onAbort);
    try {
      await this.#start(signal);
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #start(signal) {
    const { dataDir } = this.settings;
    this.#undo.push(await claim(dataDir));
    requireKeyForData(dataDir, existsSync(path.join(dataDir, 'postgres')), this.env);
    this.secrets = ensureSecrets(dataDir, this.env);
    this.supervisor = new Supervisor({ dataDir, echo: this.echo });
    await this.supervisor.stopSurvivors(['worker', 'api']);
    if (this.entries) await this.#requirePorts();
    await this.#startServers(signal);
    if (this.entries) await this.#startApps();
    await this.supervisor.stopStrangers();
  }

  async #requirePorts() {
    const caddyLives = isAlive(this.supervisor.saved.caddy);
    await requireFreePorts(this.settings.ports, caddyLives ? ['api'] : ['api', 'http', 'https']);
  }

  async #startServers(signal) {
    // One after the other would add up: none of them needs another. All are waited for, so that a failure leaves nothing half-started.
    const starts = [this.#startPostgres(), this.#startRedis()];
    if (this.docker) starts.push(this.#useDocker());
    if (this.entries) starts.push(this.#startCaddy());
    const all = await Promise.allSettled(starts);
    const failed = all.filter((one) => one.status === 'rejected').map((one) => one.reason);
    if (failed.length) throw failed.find((error) => !(error instanceof SetupError)) ?? failed[0];
    signal?.throwIfAborted();
  }

  async #startPostgres() {
    this.databaseUrl = this.env.DATABASE_URL;
    if (this.databaseUrl) return;
    const { dataDir } = this.settings;
    const password = this.secrets.postgresPassword;
    const port = await rememberedPort(dataDir, 'postgres', this.supervisor.saved.postgres);
    await this.supervisor.start(
      await postgresPart({ dataDir, port, password, logs: this.supervisor.logs, settings: this.postgres }),
    );
    this.maintenanceUrl = postgresUrl({ port, password });
    await ensureDatabase(this.maintenanceUrl, DATABASE);
    this.databaseUrl = postgresUrl({ port, password, database: DATABASE });
  }

  async #startRedis() {
    this.redisUrl = this.env.REDIS_URL;
    if (this.redisUrl) return;
    const { dataDir } = this.settings;
    const password = this.secrets.redisPassword;
    const port = await rememberedPort(dataDir, 'redis', this.supervisor.saved.redis);
    await this.supervisor.start(redisPart({ dataDir, port, password }));
    this.redisUrl = redisUrl({ port, password });
  }

  async #useDocker() {
    const { dockerHost, ours, release } = await ensureDocker(this.env);
    this.dockerHost = dockerHost;
    this.ownEngine = ours ?? false;
    this.#undo.push(release);
  }

  async #startCaddy() {
    const { dataDir, baseDomain, ports } = this.settings;
    const { encryptionKey } = this.secrets;
    const ingress = { dataDir, baseDomain, httpPort: ports.http, httpsPort: ports.https, bind: this.bind };
    const options = { ...ingress, encryptionKey, env: this.env };
    if (this.driver) options.driver = this.driver;
    await this.supervisor.start(await caddyPart(options));
  }

  async #startApps() {
    await this.migrate(this.databaseUrl);
    const { settings, databaseUrl, redisUrl: redis, dockerHost, ownEngine, secrets } = this;
    const socket = adminSocket(settings.dataDir);
    const env = platformEnv(
      { settings, databaseUrl, redisUrl: redis, dockerHost, ownEngine, secrets, adminSocket: socket, bind: this.bind },
      this.env,
    );
    await Promise.all([
      this.supervisor.start(apiPart(this.entries.api, env)),
      this.supervisor.start(workerPart(this.entries.worker, env)),
    ]);
  }

  get apiUrl() {
    return `http://localhost:${this.settings.ports.api}`;
  }

  /** What is waited for politely is not waited for any more. */
  hurry() {
    this.supervisor?.hurry();
  }

  /** Stops what was started, in reverse order: api and worker, ingress, Redis, PostgreSQL, then Docker and the lock. */
  async stop() {
    await this.supervisor?.stop([['worker', 'api']]);
    this.supervisor = null;
    for (const undo of this.#undo.splice(0).toReversed()) await undo();
  }
}
