/** Redis stays small: a nudge is gone once it was heard, and one that fails is gone too. */
import { randomUUID } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import { createLogger } from '#platform/logger.js';
import { testConfig } from '#platform/testing/config.js';
import { createTestRedis, type TestRedis } from '#platform/testing/redis.js';
import { RUNS_QUEUE, RunQueue } from './run-queue.js';

const NUDGES = 1000;
/** Keys of BullMQ for one queue: meta, id, events, marker and the like. */
const KEYS_OF_A_QUEUE = 10;

let redis: TestRedis;
beforeEach(async () => {
  redis = await createTestRedis();
});
afterEach(() => redis.release());

it.each([false, true])('1,000 nudges leave no keys behind (the worker fails each: %s)', async (failing) => {
  const queue = new Queue(RUNS_QUEUE, { connection: { url: redis.url } });
  const log = createLogger(testConfig(), 'test', { write: () => undefined });
  const nudges = new RunQueue(queue, log);
  for (let count = 0; count < NUDGES; count += 1) nudges.nudge(randomUUID());
  await until(async () => (await queue.getJobCounts('waiting')).waiting === NUDGES);
  // As many keys as nudges while nobody hears them: one small hash each.
  expect(await redis.client.dbsize()).toBeLessThanOrEqual(NUDGES + KEYS_OF_A_QUEUE);
  const connection = { url: redis.url, maxRetriesPerRequest: null };
  const heard = async () => {
    if (failing) throw new Error('heard, and failed');
  };
  const worker = new Worker(RUNS_QUEUE, heard, { connection, concurrency: 20 });
  try {
    await until(async () => {
      const counts = await queue.getJobCounts('waiting', 'active', 'delayed');
      return Object.values(counts).every((count) => count === 0);
    });
    expect(await queue.getJobCounts('completed', 'failed')).toEqual({ completed: 0, failed: 0 });
    expect(await redis.client.dbsize()).toBeLessThanOrEqual(KEYS_OF_A_QUEUE);
    // The stream of events is the only key that grows, and BullMQ cuts it.
    expect(await redis.client.xlen(`bull:${RUNS_QUEUE}:events`)).toBeLessThanOrEqual(12_000);
  } finally {
    await worker.close();
    await queue.close();
  }
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; ) {
    if (await condition()) return;
    if (Date.now() > deadline) throw new Error('it did not happen within 60 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
