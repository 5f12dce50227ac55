/** The migrations make exactly what prisma/schema.prisma says, and the partial indexes that it cannot say. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { createTestDatabase, type TestDatabase } from '#platform/testing/database.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('match the schema', async () => {
  const root = path.resolve(__dirname, '..');
  const run = promisify(execFile)(process.execPath, ['tools/prisma-wasm.mjs', 'check'], {
    cwd: root,
    env: { ...process.env, DATABASE_URL: database.url },
  });
  await expect(run).resolves.toMatchObject({ stdout: expect.stringContaining('match') });
});

it.each([
  'services_project_alias_key',
  'volumes_service_name_key',
  'deployments_one_running_key',
  'runs_one_active_key',
  'runs_open_idx',
])('have the partial index %s', async (name) => {
  const rows = await database.query<{ indexdef: string }>('SELECT indexdef FROM pg_indexes WHERE indexname = $1', [
    name,
  ]);
  expect(rows[0]?.indexdef).toContain('WHERE');
});
