// Writes openapi.json from the built API, without a server, a database or Redis. `--check` only compares and fails on a difference.
import 'reflect-metadata';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const file = path.join(root, 'openapi.json');

/** Nothing is reached: the addresses only have to be well-formed. The keys sign and encrypt nothing. */
const environment = {
  DATABASE_URL: 'postgresql://127.0.0.1:1/none',
  REDIS_URL: 'redis://127.0.0.1:1',
  CONTAINR_INGRESS_ADMIN: 'unix:/nonexistent',
  CONTAINR_JWT_KEY: '0'.repeat(64),
  CONTAINR_ENCRYPTION_KEY: '0'.repeat(64),
  CONTAINR_LOG_LEVEL: 'error',
};

async function generate() {
  const { createApi } = await import('../dist/apps/api/create-api.js');
  const { createOpenApi } = await import('../dist/apps/api/http/openapi.js');
  const { parseConfig } = await import('../dist/libs/platform/config.js');
  const { pino } = await import('pino');
  // Queues try to reach Redis as soon as they exist; that they cannot is no news here.
  const api = await createApi({ config: parseConfig(environment), logger: pino({ enabled: false }) });
  return `${JSON.stringify(createOpenApi(api), null, 2)}\n`;
}

const text = await generate();
if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
  console.log(`wrote ${path.relative(process.cwd(), file)}`);
  process.exit(0);
}
let current = '';
try {
  current = readFileSync(file, 'utf8');
} catch (error) {
  if (error.code !== 'ENOENT') throw error;
}
if (current === text) console.log('openapi.json is up to date');
else console.error('openapi.json does not match the code: run `node tools/generate-openapi.mjs` and commit it.');
// Connections of the queues would keep the process alive.
process.exit(current === text ? 0 : 1);
