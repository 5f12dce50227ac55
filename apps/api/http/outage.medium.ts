import { setTimeout } from 'node:timers/promises';
import { getQueueToken } from '@nestjs/bullmq';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Queue } from 'bullmq';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import { testConfig } from '#platform/testing/config.js';
import { createTestDatabase, type TestDatabase } from '#platform/testing/database.js';
import { createTestProxy, type TestProxy } from '#platform/testing/proxy.js';
import { createTestRedis, type TestRedis } from '#platform/testing/redis.js';
import { RUNS_QUEUE } from '#workflows/run-queue.js';
import { createApi } from '../create-api.js';

describe('when PostgreSQL or Redis is away', () => {
  let database: TestDatabase;
  let redis: TestRedis;
  let toDatabase: TestProxy;
  let toRedis: TestProxy;
  let app: NestFastifyApplication | undefined;

  beforeEach(async () => {
    [database, redis] = await Promise.all([createTestDatabase(), createTestRedis()]);
    [toDatabase, toRedis] = await Promise.all([createTestProxy(database.url), createTestProxy(redis.url)]);
  });
  afterEach(async () => {
    // Restored first: whoever waits for an answer gets one, and closing has nothing to wait for.
    await Promise.all([toDatabase.restore(), toRedis.restore()]);
    // BullMQ does not stop a connection that is closed while it reconnects: it would try for ever, here in the test's process.
    if (app) await reconnected(app);
    await app?.close();
    app = undefined;
    await Promise.all([toDatabase.close(), toRedis.close()]);
    await Promise.all([database.drop(), redis.release()]);
  });

  const boot = async () => {
    const config = testConfig({ DATABASE_URL: toDatabase.url, REDIS_URL: toRedis.url });
    app = await createApi({ config, logger: pino({ enabled: false }) });
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
  };
  const inject = (options: InjectOptions | string): Promise<LightMyRequestResponse> => {
    if (!app) throw new Error('boot first');
    return app.inject(options);
  };
  const health = async () => {
    const started = performance.now();
    const answer = await inject('/api/v1/health');
    return { status: answer.statusCode, ...answer.json(), ms: performance.now() - started };
  };
  const login = () =>
    inject({
      method: 'POST',
      url: '/api/v1/auth/login',
      payload: { email: 'a@b.example', password: 'wrong password' },
    });
  const eventually = async (ask: () => Promise<LightMyRequestResponse>, status: number) => {
    for (const deadline = Date.now() + 40_000; ; ) {
      const answer = await ask();
      if (answer.statusCode === status) return answer;
      if (Date.now() > deadline) throw new Error(`still ${answer.statusCode}: ${answer.body}`);
    }
  };

  it('starts without both, answers 503, and recovers by itself', async () => {
    await Promise.all([toDatabase.refuse(), toRedis.refuse()]);
    await boot();
    expect(await health()).toMatchObject({
      status: 'degraded',
      checks: { database: 'unavailable', redis: 'unavailable' },
    });
    expect((await inject('/api/v1/health')).statusCode).toBe(503);
    const refused = await login();
    expect([refused.statusCode, refused.json().code, refused.headers['retry-after']]).toEqual([
      503,
      'database_unavailable',
      '5',
    ]);
    await Promise.all([toDatabase.restore(), toRedis.restore()]);
    await eventually(login, 401);
    await eventually(() => inject('/api/v1/health'), 200);
  });

  it('is degraded but healthy without Redis', async () => {
    await toRedis.refuse();
    await boot();
    const answer = await inject('/api/v1/health');
    expect([answer.statusCode, answer.json()]).toMatchObject([
      200,
      { status: 'degraded', checks: { database: 'ok', redis: 'unavailable' } },
    ]);
    expect((await login()).statusCode).toBe(401);
  });

  it('answers the health check within 2 s while both hang, and goes on afterwards', async () => {
    await boot();
    expect((await health()).checks).toEqual({ database: 'ok', redis: 'ok' });
    toDatabase.hang();
    toRedis.hang();
    for (let n = 0; n < 2; n += 1) {
      const answer = await health();
      expect(answer).toMatchObject({ checks: { database: 'unavailable', redis: 'unavailable' } });
      expect(answer.ms).toBeLessThan(8_000);
    }
    await Promise.all([toDatabase.restore(), toRedis.restore()]);
    await eventually(() => inject('/api/v1/health'), 200);
    expect((await health()).checks.database).toBe('ok');
  });

  it('is live but not ready without PostgreSQL, and its metrics leave out what is in tables', async () => {
    await boot();
    const get = (url: string) => inject({ method: 'GET', url, remoteAddress: '127.0.0.1' });
    const statuses = async () => [(await get('/livez')).statusCode, (await get('/readyz')).statusCode];
    expect(await statuses()).toEqual([200, 200]);
    await toDatabase.refuse();
    expect(await statuses()).toEqual([200, 503]);
    const { body } = await get('/metrics');
    expect(body).toMatch(/^containr_database_up 0$/m);
    expect(body).not.toContain('containr_queue_length');
    await toDatabase.restore();
    await eventually(() => get('/readyz'), 200);
  });

  it('answers 503 when PostgreSQL cuts its connections, then works again', async () => {
    await boot();
    expect((await login()).statusCode).toBe(401);
    await toDatabase.refuse();
    expect((await login()).statusCode).toBe(503);
    await toDatabase.restore();
    await eventually(login, 401);
  });
});

async function reconnected(app: NestFastifyApplication): Promise<void> {
  const queue = app.get<Queue>(getQueueToken(RUNS_QUEUE), { strict: false });
  const answers = () =>
    queue.count().then(
      () => true,
      () => false,
    );
  while (!(await answers())) await setTimeout(20);
}
