/** When a release is ready, on a runtime in memory and real sockets on loopback. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { FakeRuntime } from '#drivers/runtime/fake.js';
import type { WorkloadSpec } from '#drivers/runtime/port.js';
import { moveClock, restoreClock } from '#platform/testing/clock.js';
import { awaitReady, type ReadinessTarget } from './readiness.js';

const owner = { installation: '00000000-0000-4000-8000-000000000001' };
const never = new AbortController().signal;
let runtime: FakeRuntime;
let server: http.Server;
let status = 200;
let spec: WorkloadSpec;

beforeAll(async () => {
  server = http.createServer((_request, response) => response.writeHead(status).end());
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
});
afterAll(() => server.close());

beforeEach(async () => {
  status = 200;
  runtime = new FakeRuntime();
  runtime.addImage('app');
  const labels = { ...owner, project: 'p', service: 's', deployment: 'd', role: 'release' as const, replica: 0 };
  await runtime.networks.ensure('net', { ...owner, project: 'p' });
  const limits = { cpus: 1, memoryBytes: 2 ** 26, pids: 10 };
  spec = {
    name: 'web-1',
    labels,
    image: 'app',
    env: {},
    network: 'net',
    aliases: [],
    limits,
    mounts: [],
    restart: 'always',
    graceSeconds: 1,
  };
  await runtime.ensureRunning(spec, never);
});

const target = (fields: Partial<ReadinessTarget> = {}): ReadinessTarget => ({
  names: ['web-1'],
  port: (server.address() as AddressInfo).port,
  path: null,
  healthcheck: null,
  ...fields,
});
const ready = (fields: Partial<ReadinessTarget> = {}, within = 400) =>
  awaitReady(runtime, owner, target(fields), within, never);

it('is ready when its port accepts a connection', async () => {
  expect(await ready()).toEqual([expect.stringMatching(/^127\./)]);
});

it('is not ready while its health path answers with an error, and is as soon as it does not', async () => {
  status = 503;
  await expect(ready({ path: '/health' })).rejects.toMatchObject({
    code: 'release_unhealthy',
    message: expect.stringContaining('/health answers with status 503'),
  });
  setTimeout(() => {
    status = 204;
  }, 50);
  await expect(ready({ path: '/health' }, 5000)).resolves.toHaveLength(1);
});

it("honours the image's HEALTHCHECK beside the port", async () => {
  const healthcheck = { test: ['CMD', 'check'], timeoutMs: 1000 };
  runtime.onProbe = async () => false;
  await expect(ready({ healthcheck })).rejects.toMatchObject({
    code: 'release_unhealthy',
    message: expect.stringContaining('HEALTHCHECK'),
  });
  runtime.onProbe = async () => true;
  await expect(ready({ healthcheck })).resolves.toHaveLength(1);
});

it('says on which other port the app listens, and not on that of the engine itself', async () => {
  const free = http.createServer();
  await new Promise<void>((resolve) => free.listen(0, resolve));
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  runtime.setListening('web-1', [
    { address: '0.0.0.0', port: 8081 },
    { address: '127.0.0.11', port: 40000 },
  ]);
  await expect(ready({ port })).rejects.toMatchObject({
    message: expect.stringMatching(new RegExp(`listens on port 8081, not on ${port}`)),
  });
  runtime.setListening('web-1', [{ address: '127.0.0.1', port }]);
  await expect(ready({ port })).rejects.toMatchObject({ message: expect.stringContaining('listen on 0.0.0.0') });
});

it('gives up at once on an app that exits, with its exit code', async () => {
  // One that the engine does not start again by itself keeps its exit code; one that it does is in test/e2e/bad-input.
  await runtime.ensureRunning({ ...spec, name: 'web-1', restart: 'never' }, never);
  runtime.crash('web-1', { exitCode: 3 });
  await expect(ready({}, 60_000)).rejects.toMatchObject({
    code: 'release_exited',
    message: expect.stringContaining('exit code 3'),
  });
});

it('waits for an app that begins to listen late, and for its health path', async () => {
  const late = http.createServer((_request, response) => response.end());
  await new Promise<void>((resolve) => late.listen(0, resolve));
  const { port } = late.address() as AddressInfo;
  await new Promise((resolve) => late.close(resolve));
  const find = jest.spyOn(runtime, 'find');
  const waiting = ready({ port, path: '/health' }, 30_000);
  while (find.mock.calls.length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise<void>((resolve) => late.listen(port, '0.0.0.0', resolve));
  await expect(waiting).resolves.toHaveLength(1);
  await new Promise((resolve) => late.close(resolve));
});

it.each([
  -3_600_000, 3_600_000,
])('a worker is ready when it was seen to stay up, though the clock is %d ms off', async (off) => {
  moveClock(off);
  const began = performance.now();
  await ready({ port: null }, 10_000).finally(restoreClock);
  expect(performance.now() - began).toBeGreaterThan(1900);
});
