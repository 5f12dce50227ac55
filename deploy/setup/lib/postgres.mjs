// A private PostgreSQL in the data folder, on loopback only, with a password.
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { spawnChild } from './child.mjs';
import { SetupError } from './log.mjs';
import { lastLines } from './log-file.mjs';
import { findServer, serverUser } from './postgres-server.mjs';
import { isAlive, procOf, stopProc } from './processes.mjs';

const USER = 'containr';
// PostgreSQL refuses to run as root, but the user `postgres` may not walk into a data folder that is closed to others, or below /root.
// The opened folder is handed down as descriptor 3 instead: opening it again through /proc needs rights on the folder alone.
const FOLDER = '/proc/self/fd/3';
const PASSWORD_FILE = '/proc/self/fd/4';

/** pid in the first line of postmaster.pid; null without one. */
export function postmasterPid(text) {
  const pid = Number(text.split('\n')[0]);
  return Number.isInteger(pid) && pid > 0 ? pid : null;
}

/** True when this process is a PostgreSQL server that works in this very folder. */
function servesFolder(pid, dir) {
  try {
    const command = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    return command === 'postgres' && statSync(`/proc/${pid}/cwd`).ino === statSync(dir).ino;
  } catch {
    return false; // the process ended meanwhile
  }
}

/**
 * After a SIGKILL the pid file stays. A server that still works in this folder is stopped (nobody recorded it: its supervisor died at that
 * moment); when the pid belongs to anything else by now, the new server would refuse to start, so the file goes.
 */
async function clearStalePid(dir) {
  const file = path.join(dir, 'postmaster.pid');
  const pid = existsSync(file) ? postmasterPid(readFileSync(file, 'utf8')) : null;
  if (pid === null) return;
  const proc = procOf(pid);
  if (proc && servesFolder(pid, dir)) await stopProc(proc, { signal: 'SIGINT', within: 10_000 });
  if (!isAlive(proc) || !servesFolder(pid, dir)) rmSync(file, { force: true });
}

function ownedBy(user, file, mode) {
  chmodSync(file, mode);
  if (user) chownSync(file, user.uid, user.gid);
  return file;
}

const command = (bin, name, args, user, inherit) => ({
  command: path.join(bin, name),
  args,
  env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  cwd: '/',
  inherit,
  ...(user ? { user } : {}),
});

async function initdb(bin, dir, passwordFile, user, logs) {
  const args = [
    '-D',
    FOLDER,
    '-U',
    USER,
    '--auth=scram-sha-256',
    `--pwfile=${PASSWORD_FILE}`,
    '-E',
    'UTF8',
    '--data-checksums',
  ];
  const spec = command(bin, 'initdb', [...args, '--locale=C.UTF-8'], user, [dir, passwordFile]);
  const how = await (await spawnChild(spec, logs.open('postgres-initdb', false))).exited;
  if (how === 'exit code 0') return;
  throw new SetupError([`initdb failed (${how})`, ...lastLines(logs.file('postgres-initdb'), 10)]);
}

/** A new database cluster, made beside its place and moved there whole, so that a kill in the middle leaves nothing half-made. */
async function initialise({ bin, dir, user, password, logs }) {
  const suffix = randomBytes(4).toString('hex');
  const fresh = `${dir}.new-${suffix}`;
  const passwordFile = `${dir}.pw-${suffix}`;
  mkdirSync(fresh);
  try {
    writeFileSync(passwordFile, password, { mode: 0o600 });
    await initdb(bin, ownedBy(user, fresh, 0o700), ownedBy(user, passwordFile, 0o600), user, logs);
    renameSync(fresh, dir);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(fresh, { recursive: true, force: true });
  }
}

const versionOf = (dir) => {
  const file = path.join(dir, 'PG_VERSION');
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : null;
};

export const postgresUrl = ({ port, password, database = 'postgres' }) =>
  `postgresql://${USER}:${password}@127.0.0.1:${port}/${database}`;

/** Runs `use` with a connected client of node-postgres (an npm package: only after ensurePackages). */
export async function withClient(url, use) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3000 });
  client.on('error', () => {}); // a server that goes away while we are connected also rejects the query: told there
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** @param {string} name a plain identifier */
export async function ensureDatabase(url, name) {
  await withClient(url, async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE "${name}"`);
  });
}

/**
 * @param {{ dataDir: string, port: number, password: string, logs: import('./log-file.mjs').LogFiles, settings?: Record<string, string> }} options
 *   settings: further server settings
 * @returns {Promise<import('./supervisor.mjs').Part>}
 */
export async function postgresPart({ dataDir, port, password, logs, settings = {} }) {
  const dir = path.join(dataDir, 'postgres');
  const bin = findServer(versionOf(dir));
  const user = await serverUser();
  const all = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    logging_collector: 'off',
    ...settings,
  };
  const args = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return {
    name: 'postgres',
    adopt: true,
    // SIGINT is a fast shutdown: sessions are cut, the checkpoint is written.
    stop: { signal: 'SIGINT', within: 20_000 },
    spec: () => command(bin, 'postgres', ['-D', FOLDER, ...args], user, [dir]),
    async prepare() {
      if (versionOf(dir) === null) await initialise({ bin, dir, user, password, logs });
      else await clearStalePid(dir);
    },
    ready: () => withClient(postgresUrl({ port, password }), (client) => client.query('SELECT 1')),
  };
}
