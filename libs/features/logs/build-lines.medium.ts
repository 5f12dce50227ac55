/** Build lines in a partitioned table: PostgreSQL opens only the partitions that can hold lines of the deployment. */
import pg from 'pg';
import { Bus } from '#platform/bus.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { BuildLines } from './build-lines.js';

const DAY_MS = 86_400_000;
let worker: TestWorker;

beforeEach(async () => {
  worker = await testWorker();
});
afterEach(() => worker.close());

const dayOf = (at: Date) => at.toISOString().slice(0, 10);
const partition = (at: Date) => `log_lines_${dayOf(at).replaceAll('-', '')}`;

async function makePartition(at: Date): Promise<void> {
  const to = dayOf(new Date(at.getTime() + DAY_MS));
  const bounds = `FOR VALUES FROM ('${dayOf(at)}T00:00:00Z') TO ('${to}T00:00:00Z')`;
  await worker.database.query(`CREATE TABLE ${partition(at)} PARTITION OF log_lines ${bounds}`);
}

/** What Prisma has really sent, with its values in place: the plan of exactly that. */
async function explain(sql: string, values: unknown[]): Promise<string> {
  const literals = values.map((value) => (typeof value === 'number' ? String(value) : pg.escapeLiteral(String(value))));
  const text = sql.replace(/\$(\d+)/g, (_, index) => literals[Number(index) - 1] ?? 'NULL');
  const rows = await worker.database.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`);
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

it('does not look into partitions older than the deployment', async () => {
  const old = new Date(Date.now() - 10 * DAY_MS);
  for (const at of [old, new Date()]) await makePartition(at);
  const service = await worker.service();
  worker.source.push(service.id, 'main', { Dockerfile: 'FROM scratch\n' });
  const { id } = await worker.deployments.create(service.caller, service.id);
  await worker.settle();
  const queries: [string, unknown[]][] = [];
  const query = pg.Client.prototype.query;
  const spy = jest.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
    this: pg.Client,
    ...given: unknown[]
  ) {
    const [asked, values] = given as [string | { text: string; values?: unknown[] }, unknown[]?];
    const text = typeof asked === 'string' ? asked : asked.text;
    const all = (typeof asked === 'string' ? values : (asked.values ?? values)) ?? [];
    if (text.includes('"log_lines"')) queries.push([text, all]);
    return (query as (...args: unknown[]) => unknown).apply(this, given);
  } as never);
  const lines = new BuildLines(worker.db, worker.get(Bus));
  const found = await lines.last(id, 100);
  await lines.seqBefore(id, 1);
  await lines.seqAt(id, new Date());
  expect(await lines.timeOf(id, found[0]?.seq as bigint)).toEqual(found[0]?.at);
  for await (const event of lines.follow(id, 0n, () => true, new AbortController().signal))
    if (event.kind === 'progress') break;
  spy.mockRestore();
  expect(found.length).toBeGreaterThan(0);
  expect(queries.length).toBeGreaterThanOrEqual(5);
  for (const [sql, values] of queries) {
    const plan = await explain(sql, values);
    expect(plan).toContain(partition(new Date()));
    expect(plan).not.toContain(partition(old));
  }
});
