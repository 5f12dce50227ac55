// Caddy, the ingress. Its routes are files in the data folder, so apps answer before the platform itself is up.
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeAtomic } from './files.mjs';
import { SetupError } from './log.mjs';
import { ROOT } from './packages.mjs';
import { findCommand } from './run.mjs';

/** Paths of Unix sockets end at 107 bytes (unix(7)). */
const MAX_SOCKET_PATH = 107;

/** GET on the admin API. @returns {Promise<number>} status */
const adminStatus = (socketPath, route) =>
  new Promise((resolve, reject) => {
    const request = http.get({ socketPath, path: route, headers: { host: '127.0.0.1' }, timeout: 2000 }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode));
    });
    request.once('timeout', () => request.destroy(new Error('Caddy: no answer')));
    request.once('error', reject);
  });

/** The driver's own idea of this Caddy: what it would load into an empty one must be what we start it with. */
async function loadDriver() {
  const from = (file) => import(pathToFileURL(path.join(ROOT, 'dist/libs/drivers/ingress/caddy', file)).href);
  const { acmeOptions, localConfig, localPaths } = await from('local.js');
  const { repairStorage } = await from('storage.js');
  return { acme: acmeOptions, config: localConfig, paths: localPaths, repair: repairStorage };
}

export const adminSocket = (dataDir) => path.join(dataDir, 'run/caddy.sock');

/**
 * @param {{ dataDir: string, httpPort: number, httpsPort: number, baseDomain: string, bind?: string[], encryptionKey: string,
 *   env: NodeJS.ProcessEnv, driver?: typeof loadDriver }} options
 * @returns {Promise<import('./supervisor.mjs').Part>}
 */
export async function caddyPart({ driver = loadDriver, env: settings, ...options }) {
  const { dataDir } = options;
  const home = path.join(dataDir, 'caddy');
  const socket = adminSocket(dataDir);
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH)
    throw new SetupError(`The path ${socket} is too long for a Unix socket: choose a shorter CONTAINR_DATA_DIR.`);
  const { acme, config, paths, repair } = await driver();
  const { routesDir, storageDir } = paths(dataDir);
  const start = path.join(home, 'start.json');
  const base = config({ ...options, ...acme(settings) });
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    XDG_CONFIG_HOME: path.join(home, 'config'),
    XDG_DATA_HOME: path.join(home, 'data'),
    // Tells a survivor with the same configuration from one with another.
    CONTAINR_CONFIG: createHash('sha256').update(JSON.stringify(base)).digest('hex'),
  };
  return {
    name: 'caddy',
    adopt: true,
    // A stream that never ends would hold it up for ever: bounded.
    stop: { signal: 'SIGTERM', within: 8000 },
    spec: () => ({ command: findCommand('caddy'), args: ['run', '--config', start], env }),
    async prepare() {
      mkdirSync(routesDir, { recursive: true, mode: 0o700 });
      rmSync(socket, { force: true }); // of a killed predecessor; nobody listens on it
      await repair(storageDir);
      writeAtomic(start, JSON.stringify(base));
    },
    ready: async () => (await adminStatus(socket, '/config/')) === 200,
  };
}
