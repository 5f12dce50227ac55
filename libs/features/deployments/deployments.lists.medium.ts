/** No list reads its whole table, whatever the filter: PostgreSQL's own statistics say so. */
import { type TestApi, type TestUser, testApi } from '../../../test/factories/api.js';

/** Enough that the planner would not read the table instead of an index because it is small. */
const ROWS = 20_000;

let api: TestApi;
let user: TestUser;
let service: string;

beforeAll(async () => {
  api = await testApi();
  user = await api.user();
  const project = (await api.request('POST', '/projects', { as: user, body: { name: 'Lists' } })).json();
  const body = { name: 'web', type: 'web', source: { type: 'git' } };
  service = (await api.request('POST', `/projects/${project.id}/services`, { as: user, body })).json().id;
  await fill();
});
afterAll(() => api.close());

async function fill(): Promise<void> {
  await api.database.query(
    `INSERT INTO deployments (id, service_id, status, trigger, config, created_at, updated_at)
     SELECT gen_random_uuid(), $1, (ARRAY['superseded', 'failed'])[1 + n % 2], 'push', 'none', now() - make_interval(secs => n), now()
     FROM generate_series(1, $2::int) AS n`,
    [service, ROWS],
  );
  await api.database.query(
    `INSERT INTO executions (id, service_id, trigger, scheduled_for, status, created_at)
     SELECT gen_random_uuid(), $1, 'manual', now() - make_interval(secs => n), 'succeeded', now() - make_interval(secs => n)
     FROM generate_series(1, $2::int) AS n`,
    [service, ROWS],
  );
  await api.database.query('ANALYZE');
}

async function scans(table: string): Promise<{ whole: number; indexed: number }> {
  const [row] = await api.database.query<{ seq_scan: string; idx_scan: string }>(
    'SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname = $1',
    [table],
  );
  return { whole: Number(row?.seq_scan), indexed: Number(row?.idx_scan) };
}

/** A session reports its scans when it next ends a query a second later: asking on until the requests are seen. */
async function scansOf(table: string, list: () => Promise<unknown>, requests: number): Promise<number> {
  const before = await scans(table);
  const deadline = Date.now() + 60_000;
  for (;;) {
    await list();
    const { whole, indexed } = await scans(table);
    if (indexed - before.indexed >= requests) return whole - before.whole;
    if (Date.now() > deadline) throw new Error(`${table}: ${indexed - before.indexed} scans of an index reported`);
  }
}

/** The list's first page, and the pages after it. */
async function pages(path: string, query: Record<string, string>): Promise<void> {
  let cursor: string | null = null;
  for (let page = 0; page < 3; page++) {
    const answer = await api.request('GET', path, {
      as: user,
      query: { ...query, limit: '10', ...(cursor ? { cursor } : {}) },
    });
    expect(answer.statusCode).toBe(200);
    cursor = answer.json().next_cursor;
    if (cursor === null) break;
  }
}

it.each([
  ['deployments', {}],
  ['deployments', { status: 'failed' }],
  ['deployments', { status: 'building' }],
  ['executions', {}],
])('%s %j', async (table, query) => {
  const list = () => pages(`/services/${service}/${table}`, query as Record<string, string>);
  expect(await scansOf(table, list, 3)).toBe(0);
});

it('starts a deep page at its cursor instead of at the top', async () => {
  const [row] = await api.database.query<{ id: string; created_at: Date }>(
    'SELECT id, created_at FROM deployments ORDER BY created_at LIMIT 1 OFFSET $1',
    [ROWS / 2],
  );
  const cursor = Buffer.from(`${row?.created_at.toISOString()} ${row?.id}`).toString('base64url');
  const read = async () => {
    const sql =
      "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'deployments_service_id_created_at_id_idx'";
    return Number((await api.database.query<{ idx_tup_read: string }>(sql))[0]?.idx_tup_read);
  };
  const before = await read();
  const list = () => pages(`/services/${service}/deployments`, { cursor });
  await scansOf('deployments', list, 3);
  expect((await read()) - before).toBeLessThan(ROWS / 10);
});
