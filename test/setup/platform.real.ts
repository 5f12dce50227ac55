/** The supervisor with real PostgreSQL, Redis and Caddy: what dies comes back, and no SIGKILL prevents the next start. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { acmeOptions, localConfig, localPaths } from '../../libs/drivers/ingress/caddy/local.js';
import { repairStorage } from '../../libs/drivers/ingress/caddy/storage.js';
import { load } from './load.js';

const { Platform } = load('setup/lib/platform.mjs');
const { freeSettings } = load('setup/lib/settings.mjs');
const { withClient } = load('setup/lib/postgres.mjs');
const { isAlive, stopProc } = load('setup/lib/processes.mjs');
const { until } = load('setup/lib/wait.mjs');

type Proc = { pid: number; start: string };
type Processes = Record<string, Proc>;

const standIn = (name: string) => path.join(__dirname, 'stand-ins', `${name}.mjs`);
const { DATABASE_URL: _db, REDIS_URL: _redis, ...env } = process.env;
const within = 60_000;

let dataDir: string;
// biome-ignore lint/suspicious/noExplicitAny: see load.ts
let platform: any = null;

const servers = async () =>
  new Platform({ settings: await freeSettings(dataDir, env), env, entries: null, docker: false });
const query = (sql: string) =>
  withClient(platform.databaseUrl, (client: { query(sql: string): unknown }) => client.query(sql));
const processes = (): Processes => platform.supervisor.processes();

beforeEach(() => {
  dataDir = mkdtempSync(path.join(os.tmpdir(), 'containr-setup-'));
});
afterEach(async () => {
  await platform?.stop();
  platform = null;
  rmSync(dataDir, { recursive: true, force: true });
});

it('starts again what is killed, keeps the data, and leaves no process when it stops', async () => {
  platform = new Platform({
    settings: await freeSettings(dataDir, env),
    env,
    bind: ['127.0.0.1'],
    docker: false,
    driver: async () => ({ acme: acmeOptions, config: localConfig, paths: localPaths, repair: repairStorage }),
    entries: { api: [standIn('api')], worker: [standIn('worker')] },
    migrate: async () => {},
  });
  await platform.start();
  await query('CREATE TABLE kept (x int); INSERT INTO kept VALUES (1)');
  const before = processes();
  for (const { pid } of Object.values(before)) process.kill(pid, 'SIGKILL');
  const isNew = (name: string) => processes()[name]?.pid !== before[name]?.pid;
  await until(() => Object.keys(before).every((name) => isNew(name) && isAlive(processes()[name])), {
    what: 'restart',
    within,
  });
  await until(() => query('SELECT * FROM kept'), { what: 'PostgreSQL', within });
  const after = Object.values(processes());
  await platform.stop();
  expect(after).toHaveLength(5);
  expect(after.filter(isAlive)).toEqual([]);
});

it('keeps its secrets to itself and refuses a second start on the same folder', async () => {
  platform = await servers();
  await platform.start();
  expect(statSync(path.join(dataDir, 'secrets.json')).mode & 0o777).toBe(0o600);
  expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  await expect((await servers()).start()).rejects.toThrow(/already running/);
  await expect(query('SELECT 1')).resolves.toBeDefined();
});

it('takes over the servers of a supervisor that was killed', async () => {
  const other = fork(standIn('supervisor'), [dataDir], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const [survivors] = (await once(other, 'message')) as [Processes];
  other.kill('SIGKILL');
  await once(other, 'exit');
  platform = await servers();
  await platform.start();
  expect(processes()).toEqual(survivors);
  await platform.stop();
  expect(Object.values(survivors).filter(isAlive)).toEqual([]);
});

it('starts although the pid file of a killed PostgreSQL names a process of somebody else', async () => {
  platform = await servers();
  await platform.start();
  const { postgres, redis } = processes() as { postgres: Proc; redis: Proc };
  const password = platform.secrets.postgresPassword;
  await platform.stop();
  for (const proc of [postgres, redis]) await stopProc(proc);
  writeFileSync(path.join(dataDir, 'postgres/postmaster.pid'), `${process.pid}\n/proc/self/fd/3\n`);
  platform = await servers();
  await platform.start();
  expect(platform.secrets.postgresPassword).toBe(password);
  await expect(query('SELECT 1')).resolves.toBeDefined();
});
