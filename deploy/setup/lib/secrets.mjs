// Secrets of one installation: made once, kept in the data folder, never defaulted.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { readJson, writeAtomic } from './files.mjs';
import { SetupError } from './log.mjs';

// 32 bytes each, in hex: fits into a URL and a configuration file as it is, and is what CONTAINR_ENCRYPTION_KEY has to look like.
const NAMES = ['jwtKey', 'encryptionKey', 'postgresPassword', 'redisPassword'];
const OVERRIDES = { jwtKey: 'CONTAINR_JWT_KEY', encryptionKey: 'CONTAINR_ENCRYPTION_KEY' };

const generate = () => randomBytes(32).toString('hex');

/**
 * The secrets of a data folder, made on the first start.
 * @param {string} dataDir an existing private folder
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {{ jwtKey: string, encryptionKey: string, postgresPassword: string, redisPassword: string }} each 64 hex digits
 */
export function ensureSecrets(dataDir, env = process.env) {
  const file = path.join(dataDir, 'secrets.json');
  const secrets = readJson(file) ?? {};
  const missing = NAMES.filter((name) => !secrets[name]);
  for (const name of missing) secrets[name] = generate();
  if (missing.length) writeAtomic(file, `${JSON.stringify(secrets, null, 2)}\n`);
  for (const [name, variable] of Object.entries(OVERRIDES)) if (env[variable]) secrets[name] = env[variable];
  return secrets;
}

/** Refuses to start over an existing database without the key that its secrets are encrypted with. */
export function requireKeyForData(dataDir, exists, env = process.env) {
  const lost = readJson(path.join(dataDir, 'secrets.json')) === null && exists && !env.CONTAINR_ENCRYPTION_KEY;
  if (!lost) return;
  throw new SetupError([
    `${dataDir} holds a database, but its secrets.json is missing or damaged.`,
    'Put the file back from your backup: without it the stored secrets and the database password are lost.',
  ]);
}
