/** Sampling on a real database with fake drivers; reading through the API is at the end. */
import { randomUUID } from 'node:crypto';
import { Unavailable } from '#platform/errors.js';
import { type TestApi, testApi } from '../../../test/factories/api.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { MetricsSampler } from './metrics.sampler.js';

describe('sampling', () => {
  let worker: TestWorker;
  let sampler: MetricsSampler;
  let service: Awaited<ReturnType<TestWorker['service']>>;
  let container: string;

  beforeEach(async () => {
    worker = await testWorker();
    sampler = worker.get(MetricsSampler);
    service = await worker.service();
    await worker.source.push(service.id, 'main', { Dockerfile: 'FROM scratch\n' });
    await worker.deployments.create(service.caller, service.id);
    await worker.settle();
    [container = ''] = worker.runtime.workloads.keys();
  });
  afterEach(() => worker.close());

  const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 12, 0, second));
  const look = (second: number, by = sampler) => by.sample(at(second), second);
  const host = async () => worker.ingress.routes.get(service.id)?.hosts[0] ?? '';
  const rows = () => worker.db.serviceMetric.findMany({ orderBy: { at: 'asc' } });

  it('stores use and requests of an interval, and nothing for the first look or a part of an interval', async () => {
    worker.runtime.setUsage(container, { cpuSeconds: 100, memoryBytes: 5000, network: { inBytes: 10, outBytes: 20 } });
    expect(await look(0)).toEqual([]);
    worker.runtime.setUsage(container, { cpuSeconds: 103, network: { inBytes: 110, outBytes: 220 } });
    worker.ingress.served(await host(), { milliseconds: 40 });
    worker.ingress.served(await host(), { milliseconds: 40, status: 502 });
    worker.ingress.served('stranger.test');
    expect(await look(15)).toHaveLength(1);
    expect(await look(18)).toEqual([]);
    const [row, ...others] = await rows();
    expect(others).toEqual([]);
    expect(row).toMatchObject({ serviceId: service.id, at: at(15), cpuCores: 0.2, memoryBytes: 5000n });
    expect(row).toMatchObject({ networkInBytes: 100n, networkOutBytes: 200n, requests: 2, errors: 1 });
    expect(row?.p95Ms).toBeGreaterThanOrEqual(40);
    expect(row?.p95Ms).toBeLessThan(45);
  });

  it('two workers make one row of an interval', async () => {
    const second = new MetricsSampler(
      ...(Object.values({
        db: worker.db,
        runtime: worker.runtime,
        ingress: worker.ingress,
        installation: Reflect.get(sampler, 'installation'),
        config: Reflect.get(sampler, 'config'),
      }) as unknown as ConstructorParameters<typeof MetricsSampler>),
    );
    await Promise.all([look(0), look(0, second)]);
    worker.ingress.served(await host());
    await Promise.all([look(15), look(15, second)]);
    expect((await rows()).map(({ requests }) => requests)).toEqual([1]);
    await second.close();
  });

  it('a custom domain and a wildcard count for their service', async () => {
    const domain = (hostname: string) =>
      worker.db.domain.create({ data: { id: randomUUID(), serviceId: service.id, hostname } });
    await Promise.all([domain('shop.example.com'), domain('*.shop.example.com')]);
    await look(0);
    for (const name of ['shop.example.com', 'a.shop.example.com', 'b.a.shop.example.com']) worker.ingress.served(name);
    await look(15);
    expect((await rows()).map(({ requests }) => requests)).toEqual([2]);
  });

  it('what does not answer leaves its figures empty', async () => {
    await look(0);
    worker.ingress.served(await host());
    worker.runtime.failNext('usage', new Unavailable('engine_unreachable', 'Away.'));
    await look(15);
    worker.ingress.up = false;
    await look(30);
    expect(await rows()).toMatchObject([
      { cpuCores: null, memoryBytes: null, requests: 1, errors: 0 },
      { cpuCores: 0, memoryBytes: 0n, requests: null, errors: null, p95Ms: null },
    ]);
  });

  it('a worker service has no requests, not zero requests', async () => {
    await worker.db.service.update({ where: { id: service.id }, data: { type: 'worker' } });
    await look(0);
    await look(15);
    expect(await rows()).toMatchObject([{ cpuCores: 0, requests: null }]);
  });
});

describe('GET /services/{id}/metrics', () => {
  let api: TestApi;
  let serviceId: string;
  let owner: Awaited<ReturnType<TestApi['user']>>;

  beforeAll(async () => {
    api = await testApi();
    owner = await api.user();
    const project = (await api.request('POST', '/projects', { as: owner, body: { name: 'P' } })).json().id;
    const body = { name: 'web', type: 'web' };
    serviceId = (await api.request('POST', `/projects/${project}/services`, { as: owner, body })).json().id;
  });
  afterAll(() => api.close());

  const get = (query: Record<string, string> = {}, as = owner) =>
    api.request('GET', `/services/${serviceId}/metrics`, { as, query });
  /** Begin of a minute, some minutes ago. */
  const minute = (ago: number) => new Date(Math.floor(Date.now() / 60_000 - ago) * 60_000);
  const after = (from: Date, seconds: number) => new Date(from.getTime() + seconds * 1000);
  const store = (at: Date, cpu: number | null, memory: number | null, requests: number | null, p95: number | null) =>
    api.database.query(
      `INSERT INTO service_metrics (service_id, at, cpu_cores, memory_bytes, network_in_bytes, requests, errors, p95_ms)
       VALUES ($1, $2, $3, $4, 7, $5, 0, $6)`,
      [serviceId, at, cpu, memory, requests, p95],
    );

  it('is empty, not zero, where nobody measured', async () => {
    const answer = (await get()).json();
    expect(answer).toMatchObject({ service_id: serviceId, step: 15, latest: null });
    expect(answer.points.length).toBeGreaterThanOrEqual(240);
    expect(new Set(answer.points.map((point: { requests: unknown }) => point.requests))).toEqual(new Set([null]));
  });

  it('puts samples together: average, highest, sum', async () => {
    const from = minute(30);
    await store(after(from, 15), 0.1, 100, 1, 10);
    await store(after(from, 60), 0.3, 300, 2, 90);
    await store(after(from, 75), 1, null, null, null);
    const to = after(from, 180).toISOString();
    const { points } = (await get({ from: from.toISOString(), to, step: '60' })).json();
    expect(points).toMatchObject([
      {
        at: from.toISOString(),
        cpu_cores: 0.2,
        memory_bytes: 300,
        network_in_bytes: 14,
        requests: 3,
        errors: 0,
        p95_ms: 90,
      },
      { cpu_cores: 1, memory_bytes: null, network_in_bytes: 7, network_out_bytes: null, requests: null, p95_ms: null },
      { cpu_cores: null, requests: null },
    ]);
  });

  it('shows the newest sample while it is new', async () => {
    await store(new Date(), 0.5, 1000, 4, 12);
    expect((await get()).json().latest).toMatchObject({ cpu_cores: 0.5, memory_bytes: 1000, requests: 4, p95_ms: 12 });
  });

  it('a day has at most 500 points', async () => {
    const answer = (await get({ from: new Date(0).toISOString(), step: '15' })).json();
    expect(answer.points.length).toBeLessThanOrEqual(500);
    expect(answer.points.length).toBeGreaterThan(450);
  });

  it('is nobody else’s, and refuses what is no range', async () => {
    const stranger = await api.user();
    expect((await get({}, stranger)).statusCode).toBe(404);
    for (const query of [{ from: 'yesterday' }, { step: '1' }, { from: '2999-01-01T00:00:00Z' }]) {
      const answer = await get(query as unknown as Record<string, string>);
      expect([answer.statusCode, answer.json().code]).toEqual([400, 'validation_failed']);
    }
  });
});
