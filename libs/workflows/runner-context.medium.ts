/** What is logged and traced of a run: every line says which run and step it belongs to, also those of code that knows no run. */
import { randomUUID } from 'node:crypto';
import { Invalid } from '#platform/errors.js';
import { createLogger } from '#platform/logger.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { testConfig } from '#platform/testing/config.js';
import { createTestDatabase, type TestDatabase } from '#platform/testing/database.js';
import { createOtlpReceiver, type OtlpReceiver } from '#platform/testing/otlp-receiver.js';
import { openTracing } from '#platform/tracing.js';
import { Runner } from './runner.js';
import { claimRun, createRun } from './runs.queries.js';
import { TOY_STEPS, type Toy, toyWorkflow } from './testing/toy-workflow.js';

const config = testConfig({ CONTAINR_LOG_LEVEL: 'info' });
const lines: string[] = [];
const log = createLogger(config, 'worker', { write: (line) => void lines.push(line) });
const logged = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
let database: TestDatabase;
let db: PrismaService;
let toy: Toy;

beforeAll(async () => {
  database = await createTestDatabase();
  db = new PrismaService(testConfig({ DATABASE_URL: database.url }));
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});
beforeEach(() => {
  toy = toyWorkflow();
  lines.length = 0;
});

async function execute(tracing: ConstructorParameters<typeof Runner>[3] = null): Promise<string> {
  const id = randomUUID();
  await createRun(db, { id, workflow: 'toy', subjectId: randomUUID(), lockKey: id });
  const run = await claimRun(db, ['toy'], 'worker');
  if (!run) throw new Error('nothing to claim');
  await new Runner(db, toy.registry, log, tracing).execute(run, new AbortController().signal);
  return id;
}

it('a line written in a step, however deep, carries run, workflow, attempt and step', async () => {
  toy.hook = async (name, moment) => {
    await new Promise((resolve) => setImmediate(resolve));
    if (moment === 'before') log.info(`in ${name}`);
  };
  const run_id = await execute();
  log.info('after it');
  const [last, ...others] = logged().reverse();
  expect(others.reverse()).toMatchObject(
    TOY_STEPS.map((step) => ({ msg: `in ${step}`, run_id, workflow: 'toy', attempt: 1, step })),
  );
  expect(last).not.toHaveProperty('run_id');
});

it('runs side by side do not mix', async () => {
  toy.hook = async (name, moment) => {
    await new Promise((resolve) => setImmediate(resolve));
    if (moment === 'before') log.info(name);
  };
  const ids = await Promise.all([execute(), execute(), execute()]);
  for (const id of ids) {
    expect(
      logged()
        .filter(({ run_id }) => run_id === id)
        .map(({ msg, step }) => [msg, step]),
    ).toEqual(TOY_STEPS.map((step) => [step, step]));
  }
});

it('a failed step is logged with both', async () => {
  toy.hook = (name, moment) => {
    if (name === 'b' && moment === 'before') throw new Error('a defect');
  };
  const run_id = await execute();
  expect(logged()).toContainEqual(expect.objectContaining({ level: 'error', msg: 'step failed', run_id, step: 'b' }));
});

describe('with a collector', () => {
  let collector: OtlpReceiver;
  beforeAll(async () => {
    collector = await createOtlpReceiver();
  });
  afterAll(() => collector.close());

  it('a run is a trace of its own id, with its steps and what was undone', async () => {
    const tracing = await openTracing({ CONTAINR_OTEL_ENDPOINT: collector.endpoint }, 'worker', log);
    toy.hook = (name, moment) => {
      if (name === 'b' && moment === 'after') throw new Invalid('broken', 'It is broken: mend it.');
    };
    const id = await execute(tracing);
    await tracing?.close();
    const traceId = id.replaceAll('-', '');
    const [root, ...steps] = [...collector.spans].sort(
      (a, b) => Number('parentSpanId' in a) - Number('parentSpanId' in b),
    );
    expect(root).toMatchObject({
      service: 'containr-worker',
      name: 'run toy',
      traceId,
      spanId: traceId.slice(16),
      status: 2,
    });
    expect(root?.attributes).toMatchObject({ 'containr.run_id': id, 'containr.outcome': 'failed' });
    expect(steps.map(({ name, status }) => [name, status])).toEqual([
      ['a', 0],
      ['b', 2],
      ['undo b', 0],
      ['undo a', 0],
    ]);
    expect(new Set(steps.map((step) => `${step.traceId} ${step.parentSpanId}`))).toEqual(
      new Set([`${traceId} ${root?.spanId}`]),
    );
  });

  it('a collector that is away costs a run nothing but its trace', async () => {
    const away = await createOtlpReceiver();
    await away.close();
    const tracing = await openTracing({ CONTAINR_OTEL_ENDPOINT: away.endpoint }, 'worker', log);
    const id = await execute(tracing);
    expect(await db.run.findUniqueOrThrow({ where: { id } })).toMatchObject({ status: 'succeeded' });
    await tracing?.close();
  });
});
