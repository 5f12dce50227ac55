/** /metrics, /livez and /readyz, as a monitoring system meets them. */
import { randomUUID } from 'node:crypto';
import { type TestApi, testApi } from '../../../test/factories/api.js';
import { PlatformMetrics } from '../metrics/platform-metrics.js';
import { Readiness } from './health.checks.js';

const TOKEN = 'metrics-token-of-this-test';

describe('/metrics', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await testApi();
  });
  afterAll(() => api.close());

  const get = (headers: Record<string, string> = {}, remoteAddress = '127.0.0.1') =>
    api.app.inject({ method: 'GET', url: '/metrics', headers, remoteAddress });
  /** Past the second in which the last answer is given again. */
  const scrape = async () => {
    Reflect.set(api.app.get(PlatformMetrics), 'last', null);
    return (await get()).body;
  };
  const value = (text: string, series: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.slice(series.length + 1) ?? Number.NaN,
    );

  it('is told to this machine, not to others and not through a proxy', async () => {
    const answer = await get();
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, expect.stringMatching(/^text\/plain/)]);
    for (const address of ['::1', '::ffff:127.0.0.1']) expect((await get({}, address)).statusCode).toBe(200);
    for (const address of ['10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1']) {
      const refused = await get({}, address);
      expect([refused.statusCode, refused.json().code]).toEqual([401, 'metrics_token_required']);
    }
    expect((await get({ 'x-forwarded-for': '127.0.0.1' })).statusCode).toBe(401);
  });

  it('counts requests by route pattern, method and class of status, never by id', async () => {
    const ids = [randomUUID(), randomUUID()];
    for (const id of ids) await api.request('GET', `/services/${id}`);
    await api.request('GET', '/no/such/address');
    const text = await scrape();
    const count = (labels: string) => value(text, `containr_http_request_duration_seconds_count{${labels}}`);
    expect(count('method="GET",route="/api/v1/services/:id",status="4xx"')).toBe(2);
    expect(count('method="GET",route="none",status="4xx"')).toBe(1);
    for (const id of ids) expect(text).not.toContain(id);
  });

  it('tells of waiting, stuck and ended runs, of deployments and their steps', async () => {
    const insert = async (
      workflow: string,
      status: string,
      secondsAgo: number,
      ended: boolean,
      subject = randomUUID(),
    ) => {
      const id = randomUUID();
      await api.database.query(
        `INSERT INTO runs (id, workflow, subject_id, lock_key, status, created_at, started_at, finished_at)
         VALUES ($1, $2, $3, $4, $5, now() - make_interval(secs => $6), now(), CASE WHEN $7 THEN now() - interval '6 s' END)`,
        [id, workflow, subject, id, status, secondsAgo, ended],
      );
      return id;
    };
    await insert('deployment', 'queued', 90, false);
    await insert('service-stop', 'stuck', 10, false);
    const run = await insert('deployment', 'succeeded', 26, true);
    await api.database.query(
      `INSERT INTO run_steps (run_id, position, kind, params, status, started_at, finished_at)
       VALUES ($1, 0, 'image.build', '{}', 'done', now() - interval '20 s', now() - interval '8 s')`,
      [run],
    );
    // The process began before.
    Reflect.set(Reflect.get(api.app.get(PlatformMetrics), 'runs'), 'counted', new Date(Date.now() - 60_000));
    const text = await scrape();
    expect(value(text, 'containr_runs{workflow="deployment",state="queued"}')).toBe(1);
    expect(value(text, 'containr_runs{workflow="service-stop",state="stuck"}')).toBe(1);
    expect(value(text, 'containr_queue_length')).toBe(1);
    expect(value(text, 'containr_queue_oldest_seconds')).toBeGreaterThanOrEqual(90);
    const ended = 'containr_run_duration_seconds_bucket{le="30",workflow="deployment",outcome="succeeded"}';
    expect(value(text, ended)).toBe(1);
    expect(value(text, 'containr_step_duration_seconds_sum{kind="image.build",outcome="done"}')).toBeCloseTo(12, 0);
    const again = await scrape();
    expect(value(again, ended)).toBe(1);
  });

  it('tells of this process', async () => {
    const text = await scrape();
    expect(value(text, 'process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
    expect(value(text, 'process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(value(text, 'nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0);
    expect(value(text, 'containr_database_up')).toBe(1);
  });

  it('asks PostgreSQL once however many ask', async () => {
    Reflect.set(api.app.get(PlatformMetrics), 'last', null);
    const answers = await Promise.all([get(), get(), get()]);
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
  });
});

it('with a token only the token counts', async () => {
  const api = await testApi({ environment: { CONTAINR_METRICS_TOKEN: TOKEN } });
  const get = async (authorization?: string, remoteAddress = '10.0.0.1') => {
    const headers = authorization ? { authorization } : {};
    return (await api.app.inject({ method: 'GET', url: '/metrics', headers, remoteAddress })).statusCode;
  };
  expect(await get(`Bearer ${TOKEN}`)).toBe(200);
  expect(await get(`Bearer ${TOKEN}x`)).toBe(401);
  expect(await get(undefined, '127.0.0.1')).toBe(401);
  await api.close();
});

it('is not ready any more once it is stopping', async () => {
  const api = await testApi();
  const get = async (url: string) => (await api.app.inject({ method: 'GET', url })).statusCode;
  expect(await get('/readyz')).toBe(200);
  api.app.get(Readiness).stop();
  expect([await get('/readyz'), await get('/livez')]).toEqual([503, 200]);
  await api.close();
});
