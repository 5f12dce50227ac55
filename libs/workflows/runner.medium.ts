/** The engine on a real PostgreSQL: failed at every step, every step run twice, killed, cancelled, fenced, stuck. */
import { randomUUID } from 'node:crypto';
import { Invalid, Unavailable } from '#platform/errors.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { moveClock, restoreClock } from '#platform/testing/clock.js';
import { testConfig } from '#platform/testing/config.js';
import { createTestDatabase, type TestDatabase } from '#platform/testing/database.js';
import { Executor } from './executor.js';
import { Runner } from './runner.js';
import { cancelRuns, claimRun, createRun, fence, LeaseLost, resolveStuck } from './runs.queries.js';
import { TOY_STEPS, type Toy, toyWorkflow } from './testing/toy-workflow.js';

const quiet = { info: () => undefined, error: () => undefined };
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
beforeEach(async () => {
  toy = toyWorkflow();
  await db.run.deleteMany();
});

async function newRun(lockKey = 'key'): Promise<string> {
  const id = randomUUID();
  await createRun(db, { id, workflow: 'toy', subjectId: randomUUID(), lockKey });
  return id;
}

const claim = (worker = 'worker') => claimRun(db, ['toy'], worker);
const runner = () => new Runner(db, toy.registry, quiet);
const never = () => new AbortController().signal;

async function execute(): Promise<void> {
  const run = await claim();
  if (!run) throw new Error('nothing to claim');
  await runner().execute(run, never());
}

const statusOf = async (id: string) => (await db.run.findUniqueOrThrow({ where: { id } })).status;
const expireLeases = () => db.$executeRaw`UPDATE runs SET lease_until = clock_timestamp() - interval '1 second'`;

it('runs every step once, in order, and records it', async () => {
  const id = await newRun();
  await execute();
  expect(toy.calls).toEqual(TOY_STEPS.map((name) => `do ${name}`));
  expect(await statusOf(id)).toBe('succeeded');
  const steps = await db.runStep.findMany({ where: { runId: id }, orderBy: { position: 'asc' } });
  expect(steps.map(({ kind, status, output }) => [kind, status, output])).toEqual(
    TOY_STEPS.map((name) => [name, 'done', { made: name }]),
  );
  expect(toy.ended).toEqual([{ outcome: 'succeeded', failure: null }]);
});

it('ends a step and begins the next one in one transaction', async () => {
  const id = await newRun();
  const seen: string[] = [];
  toy.hook = async (_name, moment) => {
    if (moment === 'before') return;
    const steps = await db.runStep.findMany({ where: { runId: id }, orderBy: { position: 'asc' } });
    seen.push(steps.map(({ status }) => status).join(' '));
  };
  const writes = jest.spyOn(db, '$transaction');
  await execute();
  expect(seen).toEqual([
    'running pending pending pending',
    'done running pending pending',
    'done done running pending',
    'done done done running',
  ]);
  // The plan and the run's end; a step that writes nothing of its own ends, and the next begins, in one statement.
  expect(writes).toHaveBeenCalledTimes(2);
  writes.mockRestore();
});

describe.each(['a', 'b', 'c'])('failed at step %s', (failing) => {
  it.each(['before', 'after'] as const)('%s its effect: everything is taken back, newest first', async (moment) => {
    const id = await newRun();
    toy.hook = (name, now) => {
      if (name === failing && now === moment) throw new Invalid('broken', 'It is broken: mend it.');
    };
    await execute();
    expect([...toy.world]).toEqual([]);
    const undone = TOY_STEPS.slice(0, TOY_STEPS.indexOf(failing) + 1).reverse();
    expect(toy.calls.filter((call) => call.startsWith('undo'))).toEqual(undone.map((name) => `undo ${name}`));
    expect(await statusOf(id)).toBe('failed');
    expect(toy.ended).toEqual([{ outcome: 'failed', failure: { code: 'broken', message: 'It is broken: mend it.' } }]);
  });
});

it.each(TOY_STEPS)('a worker that dies in step %s is replaced and the result is the same', async (step) => {
  const id = await newRun();
  const killed = new AbortController();
  toy.hook = (name, moment) => {
    if (name !== step || moment !== 'after') return;
    toy.hook = () => undefined;
    killed.abort();
    killed.signal.throwIfAborted();
  };
  const first = await claim('first');
  if (!first) throw new Error('nothing to claim');
  await runner().execute(first, killed.signal);
  expect(await statusOf(id)).toBe('running');
  await execute();
  expect([...toy.world]).toEqual(TOY_STEPS);
  expect(await statusOf(id)).toBe('succeeded');
  const count = (name: string) => toy.calls.filter((call) => call === `do ${name}`).length;
  expect(TOY_STEPS.map(count)).toEqual(TOY_STEPS.map((name) => (name === step ? 2 : 1)));
  expect(toy.ended).toHaveLength(1);
});

it('nobody else takes a run while its lease lasts, somebody does afterwards', async () => {
  await newRun();
  const first = await claim('first');
  expect(await claim('second')).toBeNull();
  await expireLeases();
  const second = await claim('second');
  expect(second?.id).toBe(first?.id);
  expect(second?.attempt).toBe((first?.attempt ?? 0) + 1);
});

it('a lease from a clock that was set back does not block the run', async () => {
  await newRun();
  await claim('first');
  await db.$executeRaw`UPDATE runs SET lease_until = clock_timestamp() + interval '1 day'`;
  expect(await claim('second')).not.toBeNull();
});

it('a worker that was replaced writes nothing', async () => {
  const id = await newRun();
  const stale = await claim('first');
  await expireLeases();
  await claim('second');
  if (!stale) throw new Error('nothing to claim');
  await expect(db.$transaction((tx) => fence(tx, stale))).rejects.toBeInstanceOf(LeaseLost);
  await runner().execute(stale, never());
  expect(await db.runStep.count({ where: { runId: id, status: 'done' } })).toBe(0);
});

it('runs with one lock key follow each other in order; others do not wait', async () => {
  const [first, second, other] = [await newRun('x'), await newRun('x'), await newRun('y')];
  const one = await claim();
  const two = await claim();
  expect([one?.id, two?.id]).toEqual([first, other]);
  expect(await claim()).toBeNull();
  await runner().execute(one as NonNullable<typeof one>, never());
  expect((await claim())?.id).toBe(second);
});

it('twenty workers at once start each run once', async () => {
  const ids = await Promise.all(Array.from({ length: 10 }, (_, index) => newRun(`key ${index}`)));
  const claims = await Promise.all(Array.from({ length: 20 }, (_, index) => claim(`worker ${index}`)));
  expect(claims.flatMap((run) => run?.id ?? []).sort()).toEqual(ids.sort());
});

it('a cancelled run takes back what it did', async () => {
  const id = await newRun();
  toy.hook = async (name, moment, signal) => {
    if (name !== 'b' || moment !== 'after') return;
    await cancelRuns(db, { id });
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    signal.throwIfAborted();
  };
  await execute();
  expect([...toy.world]).toEqual([]);
  expect(await statusOf(id)).toBe('cancelled');
});

it('a queued run that is cancelled never starts', async () => {
  const id = await newRun();
  await cancelRuns(db, { id });
  expect(await statusOf(id)).toBe('cancelled');
  expect(await claim()).toBeNull();
});

it('tries again what is transient, until it works', async () => {
  const id = await newRun();
  let failures = 2;
  toy.hook = (name, moment) => {
    if (name === 'b' && moment === 'before' && failures-- > 0) throw new Unavailable('away', 'Not now.');
  };
  await execute();
  expect(toy.calls.filter((call) => call === 'do b')).toHaveLength(3);
  expect(await statusOf(id)).toBe('succeeded');
});

it('gives a step up at its deadline', async () => {
  const id = await newRun();
  toy.hook = (name, moment, signal) =>
    name === 'c' && moment === 'before'
      ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
      : undefined;
  await execute();
  expect(await statusOf(id)).toBe('failed');
  expect((await db.run.findUniqueOrThrow({ where: { id } })).errorCode).toBe('step_timeout');
});

it('an undo that fails makes the run stuck; retry ends it, and only then the next one starts', async () => {
  const id = await newRun('x');
  await newRun('x');
  toy.hook = (name) => {
    if (name === 'b') throw new Invalid('broken', 'Broken.');
  };
  toy.undoHook = () => {
    throw new Invalid('also_broken', 'The undo is broken.');
  };
  await execute();
  expect(await statusOf(id)).toBe('stuck');
  expect(await claim()).toBeNull();
  toy.undoHook = () => undefined;
  expect(await resolveStuck(db, id, 'retry')).toBe(true);
  await execute();
  expect(await statusOf(id)).toBe('failed');
  expect([...toy.world]).toEqual([]);
  expect(await claim()).not.toBeNull();
});

it.each([-3_600_000, 3_600_000])('a worker whose clock is %d ms off writes the times of the database', async (off) => {
  const before = new Date();
  moveClock(off);
  const id = await newRun();
  await execute().finally(restoreClock);
  const run = await db.run.findUniqueOrThrow({ where: { id }, include: { steps: true } });
  const times = [
    run.createdAt,
    run.startedAt,
    run.finishedAt,
    ...run.steps.flatMap((s) => [s.startedAt, s.finishedAt]),
  ];
  for (const at of times) expect(Math.abs((at as Date).getTime() - before.getTime())).toBeLessThan(600_000);
});

it('past the point of no return a failure changes nothing', async () => {
  const id = await newRun();
  toy.hook = (name) => {
    if (name === 'end') throw new Invalid('broken', 'Broken.');
  };
  await execute();
  expect(await statusOf(id)).toBe('succeeded');
  expect([...toy.world]).toEqual(['a', 'b', 'c']);
});

it('the executor fills its slots, goes on by itself, and hands its runs back when it closes', async () => {
  const ids = [await newRun('1'), await newRun('2'), await newRun('3')];
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  toy.hook = (name, moment) => (name === 'a' && moment === 'before' ? held : undefined);
  const executor = new Executor(db, toy.registry, runner(), 2, quiet);
  await executor.pump();
  expect(await Promise.all(ids.map(statusOf))).toEqual(['running', 'running', 'queued']);
  release();
  while ((await db.run.count({ where: { status: 'succeeded' } })) < 3)
    await new Promise((resolve) => setTimeout(resolve, 20));
  await executor.close();
  await newRun('4');
  await executor.pump();
  expect(await db.run.count({ where: { status: 'queued' } })).toBe(1);
});
