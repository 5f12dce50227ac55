/**
 * One whole installation for the stories of one file: private PostgreSQL, Redis and Caddy, api and worker as `npm start` runs them, and the
 * real Docker Engine. Needs `npm run build`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { DeploymentView } from '#contracts/deployments.js';
import type { Project } from '#contracts/projects.js';
import type { ServiceView } from '#contracts/services.js';
import { acmeOptions, localConfig, localPaths } from '#drivers/ingress/caddy/local.js';
import { repairStorage } from '#drivers/ingress/caddy/storage.js';
import { load as setup } from '../setup/load.js';
import { Api } from './api.js';
import { Remotes } from './remotes.js';
import { Things } from './things.js';
import { until } from './until.js';

const { Platform } = setup('setup/lib/platform.mjs');
const { freeSettings } = setup('setup/lib/settings.mjs');
const { withClient } = setup('setup/lib/postgres.mjs');

const OPEN = ['pending', 'building', 'deploying'];
/** Between two looks at the API. */
const LOOK_MS = 40;

/** What was asked for; `service` with defaults for tests: nothing waits longer than it must. */
export type ServiceWish = { name: string; type?: string } & Record<string, unknown>;

export class World {
  private constructor(
    readonly dir: string,
    // biome-ignore lint/suspicious/noExplicitAny: plain JavaScript, see ../setup/load.ts
    readonly platform: any,
    readonly api: Api,
    readonly remotes: Remotes,
    readonly things: Things,
    readonly httpPort: number,
  ) {}

  /** @param environment for api and worker, beyond what the platform sets itself. */
  static async start(environment: Record<string, string> = {}): Promise<World> {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'containr-e2e-'));
    const env = environmentOf(environment);
    const settings = await freeSettings(path.join(dir, 'data'), env);
    const platform = new Platform({
      settings,
      env,
      bind: ['127.0.0.1'],
      driver: async () => ({ acme: acmeOptions, config: localConfig, paths: localPaths, repair: repairStorage }),
    });
    try {
      await platform.start();
      const api = await Api.as(`http://127.0.0.1:${settings.ports.api}/api/v1`, 'owner@example.test');
      const things = new Things(await installationOf(platform.databaseUrl));
      return new World(dir, platform, api, await Remotes.open(path.join(dir, 'git')), things, settings.ports.http);
    } catch (error) {
      await platform.stop();
      rmSync(dir, { recursive: true, force: true });
      throw error;
    }
  }

  async project(name = 'Story'): Promise<Project> {
    return this.api.post('/projects', { name });
  }

  async service(project: { id: string }, wish: ServiceWish): Promise<ServiceView> {
    return this.api.post(`/projects/${project.id}/services`, { type: 'web', health_check_timeout: 60, ...wish });
  }

  async deploy(service: { id: string }, body: Record<string, unknown> = {}): Promise<DeploymentView> {
    return this.api.post(`/services/${service.id}/deployments`, body);
  }

  async deployment(id: string): Promise<DeploymentView> {
    return (await this.api.get(`/deployments/${id}`)).deployment;
  }

  /** Until it is live or has ended otherwise; what it replaced may still be draining. */
  async decided(id: string, within = 60_000): Promise<DeploymentView> {
    return this.when(id, (deployment) => !OPEN.includes(deployment.status), within);
  }

  /** Until every step of a live one is done: the release before it is gone. */
  async settled(id: string, within = 60_000): Promise<DeploymentView> {
    const done = (deployment: DeploymentView) => (deployment.steps ?? []).every(({ status }) => status === 'done');
    return this.when(id, (deployment) => deployment.status === 'running' && done(deployment), within);
  }

  async when(id: string, wanted: (deployment: DeploymentView) => boolean, within = 60_000): Promise<DeploymentView> {
    let last: DeploymentView | null = null;
    const look = async () => {
      last = await this.deployment(id);
      return wanted(last) ? last : null;
    };
    const what = () => `deployment ${last?.status} ${last?.error ?? ''} ${stepsOf(last)}`;
    return until(look, { what, within, every: LOOK_MS });
  }

  /** Deploys and insists that it goes live. */
  async live(service: { id: string }, body: Record<string, unknown> = {}): Promise<DeploymentView> {
    const deployment = await this.decided((await this.deploy(service, body)).id);
    if (deployment.status === 'running') return deployment;
    throw new Error(`${deployment.status}: ${deployment.error}\n${deployment.build_log}`);
  }

  /** Rows of the platform's own database: for what the API does not show. */
  async query<T>(sql: string, values: unknown[] = []): Promise<T[]> {
    type Client = { query(sql: string, values: unknown[]): Promise<{ rows: T[] }> };
    return withClient(this.platform.databaseUrl, async (client: Client) => (await client.query(sql, values)).rows);
  }

  /** SIGKILL, as the kernel does it; the supervisor starts another one. */
  kill(part: 'worker' | 'api'): void {
    process.kill(this.platform.supervisor.processes()[part].pid, 'SIGKILL');
  }

  /** Deletes everything through the API, insists that nothing of it is left on the engine, and stops. */
  async close(): Promise<void> {
    try {
      await this.clear();
      await until(async () => (await this.things.all()).length === 0, {
        what: async () => `an empty engine, but there is ${await this.things.all()}`,
        within: 90_000,
        every: 200,
      });
    } finally {
      await this.platform.stop();
      await this.things.removeAll();
      await this.remotes.close();
      rmSync(this.dir, { recursive: true, force: true });
    }
  }

  private async clear(): Promise<void> {
    const { projects } = await this.api.get('/projects?limit=100');
    for (const { id } of projects) await this.api.delete(`/projects/${id}`);
    await until(async () => (await this.things.containers()).length === 0, {
      what: 'containers to be removed',
      within: 90_000,
      every: 200,
    });
    const { databases } = await this.api.get('/databases?deleted=true');
    for (const { id } of databases) await this.api.post(`/databases/${id}/purge`);
    const { volumes } = await this.api.get('/volumes');
    for (const { id } of volumes) await this.api.delete(`/volumes/${id}`);
  }
}

/** Servers of the test run would hold other installations' data: this one starts its own. */
function environmentOf(more: Record<string, string>): Record<string, string | undefined> {
  const { DATABASE_URL: _database, REDIS_URL: _redis, CONTAINR_DATA_DIR: _dir, ...env } = process.env;
  return {
    ...env,
    CONTAINR_BIND: '127.0.0.1',
    CONTAINR_EGRESS_ALLOW: '127.0.0.1/32',
    // A nearly full disk of the machine is not what the stories are about.
    CONTAINR_DISK_MIN_FREE_GB: '0.01',
    // Stories commit and then deploy by hand: nothing else may.
    CONTAINR_GIT_POLL_SECONDS: '0',
    ...more,
  };
}

async function installationOf(databaseUrl: string): Promise<string> {
  type Client = { query(sql: string): Promise<{ rows: { installation_id: string }[] }> };
  const { rows } = await withClient(databaseUrl, (client: Client) =>
    client.query('SELECT installation_id FROM installation'),
  );
  return (rows as { installation_id: string }[])[0]?.installation_id ?? '';
}

const stepsOf = (deployment: DeploymentView | null): string =>
  (deployment?.steps ?? []).map(({ name, status }) => `${name}:${status}`).join(' ');
