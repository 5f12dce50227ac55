/** Partitions on a real PostgreSQL: what is old is dropped as a table, what is newer stays, two workers at once do it once. */
import { randomUUID } from 'node:crypto';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { testConfig } from '#platform/testing/config.js';
import { createTestDatabase, type TestDatabase } from '#platform/testing/database.js';
import { Partitions } from './partitions.js';
import { dayOf, startOfDay } from './partitions.plan.js';

const DAY_MS = 86_400_000;
const DAYS = { CONTAINR_LOG_RETENTION_DAYS: '30', CONTAINR_METRICS_RETENTION_DAYS: '2' };

let database: TestDatabase;
let workers: { db: PrismaService; partitions: Partitions }[];

beforeEach(async () => {
  database = await createTestDatabase();
  const config = testConfig({ DATABASE_URL: database.url, ...DAYS });
  workers = [1, 2].map(() => {
    const db = new PrismaService(config);
    return { db, partitions: new Partitions(db, config) };
  });
});
afterEach(async () => {
  for (const { db } of workers) await db.$disconnect();
  await database.drop();
});

const ago = (days: number) => new Date(Date.now() - days * DAY_MS);
const keep = () => (workers[0] as (typeof workers)[0]).partitions.keep();

async function line(at: Date): Promise<string> {
  const subject = randomUUID();
  const sql = `INSERT INTO log_lines (subject_id, at, stream, message) VALUES ($1, $2, 'build', 'x')`;
  await database.query(sql, [subject, at]);
  return subject;
}

async function partitions(table: string): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    'SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = to_regclass($1) ORDER BY 1',
    [table],
  );
  return rows.map(({ name }) => name);
}

const where = async (subject: string) =>
  (
    await database.query<{ name: string }>(
      'SELECT tableoid::regclass::text AS name FROM log_lines WHERE subject_id = $1',
      [subject],
    )
  )[0]?.name ?? null;

/** A partition as an earlier round has made it. */
async function partition(table: string, at: Date): Promise<string> {
  const name = `${table}_${dayOf(at)}`;
  const from = startOfDay(dayOf(at));
  await database.query(
    `CREATE TABLE ${name} PARTITION OF ${table} FOR VALUES FROM ('${from.toISOString()}') TO ('${new Date(from.getTime() + DAY_MS).toISOString()}')`,
  );
  return name;
}

it('makes the days ahead, once, and moves what already lies in the default partition', async () => {
  const subject = await line(new Date());
  expect(await where(subject)).toBe('log_lines_default');
  const { created, dropped } = await keep();
  expect(created).toHaveLength(20);
  expect(dropped).toEqual([]);
  expect(await where(subject)).toMatch(/^log_lines_\d{8}$/);
  expect(await where(await line(ago(-2)))).toMatch(/^log_lines_\d{8}$/);
  expect(await keep()).toEqual({ created: [], dropped: [] });
});

it('drops what is older than the retention and nothing that is newer', async () => {
  const old = await partition('log_lines', ago(32));
  const kept = await partition('log_lines', ago(29));
  const oldMetrics = await partition('service_metrics', ago(4));
  const keptMetrics = await partition('service_metrics', ago(1));
  const [lost, found, stray, newStray] = [
    await line(ago(32)),
    await line(ago(29)),
    await line(ago(40)),
    await line(ago(20)),
  ];
  expect(await where(stray)).toBe('log_lines_default');
  const { dropped } = await keep();
  expect(dropped.sort()).toEqual([old, oldMetrics]);
  expect([await where(lost), await where(stray)]).toEqual([null, null]);
  expect(await where(found)).toBe(kept);
  expect(await where(newStray)).toBe(`log_lines_${dayOf(ago(20))}`);
  expect(await partitions('service_metrics')).toContain(keptMetrics);
  const names = await partitions('log_lines');
  expect(names).toContain('log_lines_default');
  expect(names).not.toContain(old);
});

it('done by two workers at once is done once, while lines are written', async () => {
  await partition('log_lines', ago(60));
  const subjects: string[] = [];
  const writing = (async () => {
    for (let i = 0; i < 50; i += 1) subjects.push(await line(new Date()));
  })();
  const results = await Promise.all(workers.map(({ partitions: each }) => each.keep()));
  await writing;
  await keep();
  const dropped = results.flatMap((result) => result.dropped);
  expect(dropped).toHaveLength(new Set(dropped).size);
  expect(await partitions('log_lines')).toHaveLength(5);
  const [row] = await database.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM log_lines WHERE subject_id = ANY($1)',
    [subjects],
  );
  expect(row?.count).toBe(50);
});

it('gives way to a long reader and comes back', async () => {
  const old = await partition('log_lines', ago(60));
  const [reader] = workers as [(typeof workers)[0]];
  await reader.db.$transaction(
    async (tx) => {
      await tx.$queryRaw`SELECT count(*) FROM log_lines`;
      await (workers[1] as (typeof workers)[0]).partitions.keep();
      expect(await partitions('log_lines')).toContain(old);
    },
    { timeout: 60_000 },
  );
  await keep();
  expect(await partitions('log_lines')).not.toContain(old);
}, 60_000);
