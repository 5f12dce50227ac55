// What the environment says about one installation, for the set-up itself. The platform checks all of it again (libs/platform/config.ts).
import path from 'node:path';
import { SetupError } from './log.mjs';
import { freePorts, isFree } from './ports.mjs';

/** Setting -> environment variable and the default of `npm start`. */
export const PORTS = {
  api: { variable: 'PORT', fallback: 8080 },
  http: { variable: 'CONTAINR_INGRESS_HTTP_PORT', fallback: 8000 },
  https: { variable: 'CONTAINR_INGRESS_HTTPS_PORT', fallback: 8443 },
};

function readPort(env, { variable, fallback }) {
  const port = Number(env[variable] || fallback);
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return port;
  throw new SetupError(`${variable}=${env[variable]} is not a port (1 to 65535).`);
}

/** @typedef {{ dataDir: string, baseDomain: string, ports: { api: number, http: number, https: number } }} Settings */

/** @returns {Settings} the settings of `npm start` */
export function readSettings(env = process.env) {
  return {
    dataDir: path.resolve(env.CONTAINR_DATA_DIR || './.containr'),
    baseDomain: env.CONTAINR_BASE_DOMAIN || 'apps.localhost',
    ports: Object.fromEntries(Object.entries(PORTS).map(([name, port]) => [name, readPort(env, port)])),
  };
}

/** Ports that nobody uses, for runs beside others. */
export async function freeSettings(dataDir, env = process.env) {
  const [api, http, https] = await freePorts(3);
  return { ...readSettings(env), dataDir: path.resolve(dataDir), ports: { api, http, https } };
}

/** @param {Settings['ports']} ports @param {string[]} names which of them @throws SetupError that lists every port in use */
export async function requireFreePorts(ports, names = Object.keys(ports)) {
  const taken = [];
  for (const name of names) if (!(await isFree(ports[name]))) taken.push(name);
  if (taken.length === 0) return;
  const line = (name) => `Port ${ports[name]} is in use: set ${PORTS[name].variable} to a free one.`;
  throw new SetupError(taken.map(line));
}
