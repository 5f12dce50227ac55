/** The Caddy that the set-up starts for an installation: where its files are, and its configuration. Starter and driver must agree. */
import { createHmac } from 'node:crypto';
import path from 'node:path';
import { baseConfig } from './base-config.js';
import type { JsonObject } from './json.js';
import type { AcmeOptions } from './tls-config.js';

export interface LocalCaddy {
  /** Absolute. */
  dataDir: string;
  httpPort: number;
  httpsPort: number;
  baseDomain: string;
  /** Addresses to listen on; empty: all. */
  bind?: string[];
  /** Hex; what only this installation knows. */
  encryptionKey: string;
  /** Unset: certificates come from Caddy's own CA. */
  acme?: AcmeOptions;
}

export function localPaths(dataDir: string) {
  return {
    adminSocket: path.join(dataDir, 'run/caddy.sock'),
    routesDir: path.join(dataDir, 'caddy/routes'),
    storageDir: path.join(dataDir, 'caddy/storage'),
    certificatesDir: path.join(dataDir, 'caddy/certificates'),
    accessLog: path.join(dataDir, 'caddy/access.log'),
  };
}

export function localConfig({ dataDir, bind, encryptionKey, ...options }: LocalCaddy): JsonObject {
  const internalToken = createHmac('sha256', encryptionKey).update('ingress').digest('hex').slice(0, 32);
  return baseConfig({ ...options, ...localPaths(dataDir), internalToken, ...(bind?.length ? { bind } : {}) });
}

export interface AcmeSettings {
  CONTAINR_TLS?: string | undefined;
  CONTAINR_ACME_EMAIL?: string | undefined;
  CONTAINR_ACME_DIRECTORY?: string | undefined;
  CONTAINR_ACME_CA_FILE?: string | undefined;
}

/** From the configuration, or from the environment before it is parsed: starter and driver must come to the same. */
export function acmeOptions(settings: AcmeSettings): { acme?: AcmeOptions } {
  if (settings.CONTAINR_TLS !== 'acme') return {};
  const { CONTAINR_ACME_EMAIL: email, CONTAINR_ACME_DIRECTORY: directory, CONTAINR_ACME_CA_FILE: caFile } = settings;
  return { acme: { ...(email ? { email } : {}), ...(directory ? { directory } : {}), ...(caFile ? { caFile } : {}) } };
}
