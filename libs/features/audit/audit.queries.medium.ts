/** The plans of the audit log's queries: each combination of filters walks an index from where its page starts. */
import { Prisma, PrismaService } from '#platform/prisma/prisma.service.js';
import { testConfig } from '#platform/testing/config.js';
import { createTestDatabase, type TestDatabase } from '#platform/testing/database.js';
import { pageSql, placeSql, type Wanted } from './audit.queries.js';

const TENANT = '00000000-0000-4000-8000-000000000001';
const PROJECT = '00000000-0000-4000-9000-000000000004';
const USER = '00000000-0000-4000-a000-000000000007';
const ROWS = 30_000;

let database: TestDatabase;
let db: PrismaService;

/** Three tenants, three projects in each, twenty people. */
beforeAll(async () => {
  database = await createTestDatabase();
  db = new PrismaService(testConfig({ DATABASE_URL: database.url }));
  await db.$executeRaw`
    INSERT INTO audit_logs (tenant_id, seq, id, user_id, project_id, resource, resource_id, action, details, created_at, hash)
    SELECT ('00000000-0000-4000-8000-00000000000' || n % 3)::uuid, n / 3 + 1, gen_random_uuid(),
      ('00000000-0000-4000-a000-0000000000' || lpad((n / 7 % 20)::text, 2, '0'))::uuid,
      ('00000000-0000-4000-9000-00000000000' || (n % 3 + 3 * (n / 3 % 3)))::uuid,
      (ARRAY['service', 'project', 'deployment', 'variables'])[n / 11 % 4 + 1], (n / 50)::text,
      (ARRAY['create', 'update', 'delete', 'deploy', 'login'])[n / 13 % 5 + 1], '{}', now(), decode('00', 'hex')
    FROM generate_series(0, ${ROWS}::int - 1) AS n`;
  await db.$executeRaw`ANALYZE audit_logs`;
});
afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});

async function planOf(query: Prisma.Sql): Promise<string> {
  const rows = await db.$queryRaw<Record<string, string>[]>(Prisma.sql`EXPLAIN ${query}`);
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

const OPTIONS: [string, Partial<Wanted>][] = [
  ['all', {}],
  ['resource', { resource: 'service' }],
  ['action', { action: 'login' }],
  ['resource and action', { resource: 'service', action: 'login' }],
  ['user', { userId: USER }],
  ['project', { projectId: PROJECT }],
  ['project and resource', { projectId: PROJECT, resource: 'service' }],
  ['project and action', { projectId: PROJECT, action: 'update' }],
  ['project, resource and action', { projectId: PROJECT, resource: 'service', action: 'update' }],
  ['project and user', { projectId: PROJECT, userId: USER }],
  ['one thing', { resource: 'service', resourceId: '70' }],
  ['one thing in a project', { projectId: PROJECT, resource: 'service', resourceId: '70' }],
  ['a resource that nothing has', { resource: 'nothing' }],
  ['an action that nothing has', { resource: 'service', action: 'nothing' }],
];

it.each(OPTIONS)('%s: a page comes out of an index', async (_, filter) => {
  const wanted = { tenantId: TENANT, ...filter };
  for (const below of [null, 9_000n, 20n]) {
    const plan = await planOf(pageSql(wanted, below, 51));
    expect(plan).toMatch(/Index/);
    expect(plan).not.toMatch(/Seq Scan/);
  }
});

it.each(OPTIONS.slice(1, 10))('%s: the place of a page is counted in an index', async (_, filter) => {
  const plan = await planOf(placeSql({ tenantId: TENANT, ...filter }, 500));
  expect(plan).toMatch(/Index/);
  expect(plan).not.toMatch(/Seq Scan/);
});

it('a plan can have a sequential scan: without an index it does', async () => {
  expect(await planOf(Prisma.sql`SELECT 1 FROM audit_logs WHERE user_email = 'x'`)).toMatch(/Seq Scan/);
});
