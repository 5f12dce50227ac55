/** The Caddy that the set-up starts for an installation: where its files are, and its configuration. Starter and driver must agree. */
import path from 'node:path';
import { baseConfig, type JsonObject } from './base-config.js';

export interface LocalCaddy {
  /** Absolute. */
  dataDir: string;
  httpPort: number;
  httpsPort: number;
  baseDomain: string;
  /** Addresses to listen on; empty: all. */
  bind?: string[];
}

export function localPaths(dataDir: string) {
  return {
    adminSocket: path.join(dataDir, 'run/caddy.sock'),
    routesDir: path.join(dataDir, 'caddy/routes'),
    storageDir: path.join(dataDir, 'caddy/storage'),
  };
}

export function localConfig({ dataDir, bind, ...options }: LocalCaddy): JsonObject {
  return baseConfig({ ...options, ...localPaths(dataDir), ...(bind?.length ? { bind } : {}) });
}
