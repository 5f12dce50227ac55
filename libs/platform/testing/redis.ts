/** A part of the test server's Redis for one test file: a database number of its own, taken atomically and emptied. */
import { Redis } from 'ioredis';

export interface TestRedis {
  url: string;
  client: Redis;
  release(): Promise<void>;
}

/** Redis has 16 databases by default; 0 holds the claims. */
const LAST_DATABASE = 15;
/** Claims of a test run that was killed end by themselves. */
const CLAIM_SECONDS = 900;

export async function createTestRedis(): Promise<TestRedis> {
  const server = process.env.CONTAINR_TEST_REDIS_URL;
  if (!server) throw new Error('Set CONTAINR_TEST_REDIS_URL to a Redis server that tests may use.');
  const claims = new Redis(server);
  const number = await claim(claims);
  const url = `${server.replace(/\/\d*$/, '')}/${number}`;
  const client = new Redis(url);
  await client.flushdb();
  return {
    url,
    client,
    release: async () => {
      await client.flushdb();
      await claims.del(keyOf(number));
      client.disconnect();
      claims.disconnect();
    },
  };
}

async function claim(claims: Redis): Promise<number> {
  for (let number = 1; number <= LAST_DATABASE; number += 1) {
    if (await claims.set(keyOf(number), String(process.pid), 'EX', CLAIM_SECONDS, 'NX')) return number;
  }
  throw new Error(
    'All databases of the test Redis are taken: did a test run leave claims behind? They end after 15 minutes.',
  );
}

function keyOf(number: number): string {
  return `containr-test-claim:${number}`;
}
