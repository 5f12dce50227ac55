/**
 * A throw-away database per test file, made from the migrations. The first file of a server builds a template; the others copy it, which
 * takes about 50 ms. CONTAINR_TEST_DATABASE_URL names a server whose user may create databases.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { productRoot } from '../version.js';

export interface TestDatabase {
  url: string;
  /** Runs SQL beside the application, e.g. to look at rows. */
  query<T extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<T[]>;
  drop(): Promise<void>;
}

const TEMPLATE_LOCK = 7_203_999;

export async function createTestDatabase(): Promise<TestDatabase> {
  const admin = serverUrl();
  const name = `containr_test_${process.pid}_${randomBytes(4).toString('hex')}`;
  const template = await ensureTemplate(admin);
  await withClient(admin, (client) => client.query(`CREATE DATABASE "${name}" TEMPLATE "${template}"`));
  const url = urlOf(admin, name);
  return {
    url,
    query: (sql, values) => withClient(url, async (client) => (await client.query(sql, values)).rows),
    drop: () =>
      withClient(admin, (client) => client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)).then(
        () => undefined,
      ),
  };
}

function serverUrl(): string {
  const url = process.env.CONTAINR_TEST_DATABASE_URL;
  if (!url)
    throw new Error('Set CONTAINR_TEST_DATABASE_URL (and CONTAINR_TEST_REDIS_URL) to servers that tests may use.');
  return url;
}

/** Named by its content, so that a changed migration makes a new one. Kept for the next run. */
async function ensureTemplate(admin: string): Promise<string> {
  const sql = migrations();
  const template = `containr_template_${createHash('sha256').update(sql).digest('hex').slice(0, 16)}`;
  await withClient(admin, async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [template]);
    if (rowCount) return;
    const unfinished = `${template}_new`;
    await client.query(`DROP DATABASE IF EXISTS "${unfinished}" WITH (FORCE)`);
    await client.query(`CREATE DATABASE "${unfinished}"`);
    await withClient(urlOf(admin, unfinished), (fresh) => fresh.query(sql));
    await client.query(`ALTER DATABASE "${unfinished}" RENAME TO "${template}"`);
  });
  return template;
}

function migrations(): string {
  const folder = path.join(productRoot(), 'prisma', 'migrations');
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return names
    .map((entry) => entry.name)
    .sort()
    .map((name) => readFileSync(path.join(folder, name, 'migration.sql'), 'utf8'))
    .join('\n');
}

function urlOf(admin: string, database: string): string {
  const url = new URL(admin);
  url.pathname = `/${database}`;
  return url.href;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
