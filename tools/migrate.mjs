// Applies prisma/migrations with nothing but node-postgres: `node tools/migrate.mjs [folder]`, DATABASE_URL in the environment.
// Same table, checksum, lock and failure rules as `prisma migrate deploy` (Prisma 7.10, whose native engine has to be downloaded).
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';

/** The advisory lock that Prisma's engine takes for the same work: two starts at once wait for each other. */
const LOCK_ID = 72707369;
const LOCK_TIMEOUT = '60s';
const TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)`;

/** Migrations of a folder, oldest first. @returns {{ name: string, sql: string, checksum: string }[]} */
export function readMigrations(dir) {
  const names = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return names
    .map((entry) => entry.name)
    .sort()
    .filter((name) => existsSync(path.join(dir, name, 'migration.sql')))
    .map((name) => {
      const sql = readFileSync(path.join(dir, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

/** The lock is held by the session: it goes with the connection, also when this process is killed. */
async function takeLock(client) {
  await client.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`);
  await client.query('SELECT pg_advisory_lock($1)', [LOCK_ID]);
  await client.query('RESET lock_timeout');
}

/** Name -> checksum of what was applied. @throws Error P3009 when an earlier migration failed and nobody resolved it */
async function readApplied(client) {
  const { rows } = await client.query(
    'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL',
  );
  const failed = rows.filter((row) => row.finished_at === null).map((row) => row.migration_name);
  if (failed.length === 0) return new Map(rows.map((row) => [row.migration_name, row.checksum]));
  throw new Error(
    `P3009: earlier migrations failed: ${failed.join(', ')}. Repair the database by hand, then mark each as rolled back: ` +
      'UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = ...',
  );
}

async function applyOne(client, { name, sql, checksum }) {
  const id = randomUUID();
  await client.query('INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)', [
    id,
    checksum,
    name,
  ]);
  try {
    await client.query(sql); // one simple query is one implicit transaction: all of it or nothing
  } catch (error) {
    const logs = [error.message, error.detail].filter(Boolean).join('\n');
    await client.query('UPDATE _prisma_migrations SET logs = $2 WHERE id = $1', [id, logs]);
    throw new Error(`P3018: migration ${name} failed: ${error.message}`, { cause: error });
  }
  await client.query(
    'UPDATE _prisma_migrations SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE id = $1',
    [id],
  );
}

/**
 * Applies every migration that the database does not have yet.
 * @param {string} url PostgreSQL connection URL
 * @param {string} dir folder in Prisma's layout (`<timestamp>_<name>/migration.sql`)
 * @returns {Promise<{ applied: string[], edited: string[] }>} edited: applied earlier from another text (Prisma does not refuse these either)
 */
export async function migrateDeploy(url, dir) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await takeLock(client);
    await client.query(TABLE);
    const known = await readApplied(client);
    const migrations = readMigrations(dir);
    const pending = migrations.filter(({ name }) => !known.has(name));
    for (const migration of pending) await applyOne(client, migration);
    const edited = migrations.filter(({ name, checksum }) => known.has(name) && known.get(name) !== checksum);
    return { applied: pending.map(({ name }) => name), edited: edited.map(({ name }) => name) };
  } finally {
    await client.end();
  }
}

async function main() {
  const url = process.env.DATABASE_URL;
  if (!url) throw new Error('DATABASE_URL is not set');
  const { applied, edited } = await migrateDeploy(url, process.argv[2] ?? 'prisma/migrations');
  for (const name of edited) console.error(`warning: ${name} was changed after it had been applied`);
  console.log(applied.length ? `applied ${applied.join(', ')}` : 'the database is up to date');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await main().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
