/** Logs over real HTTP: PostgreSQL for builds, the fake engine for output. */
import { randomUUID } from 'node:crypto';
import { SecretBox } from '#platform/secrets.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { BuildLogs } from './build-log.js';
import { LogHub } from './container-feed.js';
import { logClient, until } from './testing/log-client.js';
import { type LogsApi, logsApi } from './testing/logs-api.js';

let worker: TestWorker;
let api: LogsApi;
let service: Awaited<ReturnType<TestWorker['service']>>;

beforeEach(async () => {
  worker = await testWorker();
  service = await worker.service({ replicas: 2 });
  api = await logsApi(worker);
});
afterEach(async () => {
  await api.close();
  await worker.close();
});

async function deploy(text = 'one'): Promise<string> {
  worker.source.push(service.id, 'main', { Dockerfile: 'FROM scratch\n', 'app.txt': text });
  const { id } = await worker.deployments.create(service.caller, service.id);
  await worker.settle();
  return id;
}

const replicas = () => [...worker.runtime.workloads.keys()].sort();

interface Entry {
  timestamp: string;
  message: string;
  stream: string;
  replica?: number;
}

async function json(
  target: string,
): Promise<{ logs: Entry[]; message?: string; build_log?: string; runtime_log?: string }> {
  const answer = await api.ask(service.caller, target);
  expect(answer.status).toBe(200);
  return answer.json() as never;
}

async function follow(target: string, headers: Record<string, string> = {}) {
  const stop = new AbortController();
  const answer = await api.ask(service.caller, target, { signal: stop.signal, headers });
  expect(answer.headers.get('content-type')).toContain('text/event-stream');
  return logClient(answer, stop);
}

describe('GET services/:id/logs', () => {
  const target = () => `/services/${service.id}/logs`;

  it('says why there is nothing, and to strangers that there is no service', async () => {
    expect(await json(target())).toEqual({ logs: [], message: 'Nothing has been deployed yet.' });
    const stranger = (await worker.service()).caller;
    for (const follow of ['', '?follow=true'])
      expect((await api.ask(stranger, `${target()}${follow}`)).status).toBe(404);
    expect((await api.ask(service.caller, `/services/${randomUUID()}/logs`)).status).toBe(404);
  });

  it('merges replicas by time, cuts the merged result and redacts the secrets of the project', async () => {
    const login = randomUUID();
    const sibling = randomUUID();
    const { id: _id, slug: _slug, ...like } = await worker.db.service.findUniqueOrThrow({ where: { id: service.id } });
    await worker.db.service.create({ data: { ...like, id: sibling, slug: sibling, name: 'b', alias: 'b' } as never });
    const value = worker.get(SecretBox).seal('of-a-sibling', `variable:${sibling}:KEY`);
    await worker.db.variable.create({
      data: { id: randomUUID(), serviceId: sibling, key: 'KEY', secret: true, value },
    });
    await worker.db.variable.create({
      data: {
        id: randomUUID(),
        serviceId: service.id,
        key: 'TOKEN',
        secret: true,
        value: seal('TOKEN', 'hunter2secret'),
      },
    });
    await worker.db.registryCredential.create({
      data: {
        id: login,
        userId: service.caller.userId,
        registry: 'registry.example.test',
        username: 'u',
        password: worker.get(SecretBox).seal('registrypassword', `registry-credential:${login}`),
      },
    });
    await deploy();
    const [first = '', second = ''] = replicas();
    worker.runtime.log(first, 'a1 registrypassword of-a-sibling');
    worker.runtime.log(second, 'b1 with hunter2secret inside');
    worker.runtime.log(first, 'a2', 'stderr');
    const all = (await json(target())).logs;
    expect(all.map(({ message, stream, replica }) => [message, stream, replica])).toEqual([
      ['a1 *** ***', 'stdout', 0],
      ['b1 with *** inside', 'stdout', 1],
      ['a2', 'stderr', 0],
    ]);
    expect((await json(`${target()}?tail=2`)).logs.map(({ message }) => message)).toEqual(['b1 with *** inside', 'a2']);
    expect((await json(`${target()}?tail=0`)).logs).toEqual([]);
  });

  it('answers 503 when the engine is away', async () => {
    await deploy();
    worker.runtime.unreachable = true;
    for (const follow of ['', '?follow=true'])
      expect((await api.ask(service.caller, `${target()}${follow}`)).status).toBe(503);
    worker.runtime.unreachable = false;
  });

  it('follows across a new release, reads each container once for all clients, and stops when they leave', async () => {
    await deploy();
    const [first = '', second = ''] = replicas();
    worker.runtime.log(first, 'stored');
    const [one, two] = [await follow(`${target()}?follow=true`), await follow(`${target()}?follow=true&tail=0`)];
    await one.until(() => one.messages().includes('stored'));
    await until(
      () => api.get(LogHub).size === 2,
      () => `${api.get(LogHub).size} feeds`,
    );
    worker.runtime.log(first, 'live a');
    worker.runtime.log(second, 'live b');
    for (const client of [one, two])
      await client.until(() => client.messages().includes('live a') && client.messages().includes('live b'));
    expect(one.messages().sort()).toEqual(['live a', 'live b', 'stored']);
    expect(api.get(LogHub).size).toBe(2);

    await deploy('two');
    const next = replicas()[0] ?? '';
    worker.runtime.log(next, 'of the new release');
    for (const client of [one, two]) await client.until(() => client.messages().includes('of the new release'));
    await one.leave();
    await two.leave();
    await until(
      () => api.get(LogHub).size === 0,
      () => `${api.get(LogHub).size} feeds`,
    );
  });

  it('goes on after the last event the client has seen', async () => {
    service = await worker.service();
    await deploy();
    const name = [...worker.runtime.workloads.values()].find(({ labels }) => labels.service === service.id)?.name ?? '';
    worker.runtime.log(name, 'seen');
    const before = await follow(`${target()}?follow=true`);
    await before.until(() => before.messages().includes('seen'));
    await before.leave();
    worker.runtime.log(name, 'missed');
    const after = await follow(`${target()}?follow=true`, { 'last-event-id': before.events.at(-1)?.id ?? '' });
    await after.until(() => after.messages().includes('missed'));
    worker.runtime.log(name, 'live');
    await after.until(() => after.messages().includes('live'));
    expect(after.messages()).toEqual(['missed', 'live']);
    await after.leave();
  });
});

describe('GET deployments/:id/logs', () => {
  it('has the build and the output', async () => {
    const id = await deploy();
    worker.runtime.log(replicas()[0] ?? '', 'hello');
    const all = await json(`/deployments/${id}/logs`);
    expect(all.logs.at(-1)).toMatchObject({ message: 'hello', stream: 'stdout', replica: 0 });
    expect(all.logs[0]).toMatchObject({ stream: 'build' });
    expect(all.build_log).toContain('Source:');
    expect(all.runtime_log).toBe('hello');
    const build = await json(`/deployments/${id}/logs?type=build&tail=1`);
    expect([build.logs.length, build.runtime_log]).toEqual([1, undefined]);
    expect((await json(`/deployments/${id}/logs?type=runtime`)).build_log).toBeUndefined();
    const stranger = (await worker.service()).caller;
    expect((await api.ask(stranger, `/deployments/${id}/logs`)).status).toBe(404);
  });

  it('gives the build when the engine is away, and says that the output is missing', async () => {
    const id = await deploy();
    worker.runtime.unreachable = true;
    const all = await json(`/deployments/${id}/logs`);
    expect(all.build_log).toContain('Source:');
    expect(all.message).toContain('does not answer');
    expect((await api.ask(service.caller, `/deployments/${id}/logs?type=runtime`)).status).toBe(503);
    worker.runtime.unreachable = false;
    expect((await json(`/deployments/${id}/logs`)).message).toBeUndefined();
  });

  it('streams a build from its beginning to its end, and resumes after a line', async () => {
    const { id } = await worker.deployments.create(service.caller, service.id);
    const client = await follow(`/deployments/${id}/logs?type=build&follow=true&tail=all`);
    await client.until(() => client.events.length > 0);
    expect(client.events[0]).toMatchObject({ event: 'status', data: { status: 'pending', error: null, url: null } });
    const writer = worker.get(BuildLogs).open(id, ['hunter2secret']);
    for (let line = 1; line <= 1200; line += 1) writer.line(`line ${line} hunter2secret`);
    await writer.close();
    await worker.db.deployment.update({ where: { id }, data: { status: 'failed', error: 'It broke.' } });
    await client.ended();
    const logs = client.events.filter(({ event }) => event === 'log');
    expect(logs.map(({ data }) => data.message)).toEqual(
      Array.from({ length: 1200 }, (_, index) => `line ${index + 1} ***`),
    );
    expect(client.events.slice(-2)).toEqual([
      { event: 'status', data: { status: 'failed', error: 'It broke.', url: null } },
      { event: 'end', data: { status: 'failed' } },
    ]);
    const resumed = await follow(`/deployments/${id}/logs?follow=true`, { 'last-event-id': logs[1197]?.id ?? '' });
    await resumed.ended();
    expect(resumed.messages()).toEqual(['line 1199 ***', 'line 1200 ***']);
  });

  it('goes on with the output of the containers until the release is replaced', async () => {
    const id = await deploy();
    const client = await follow(`/deployments/${id}/logs?follow=true`);
    await client.until(() => client.events.some(({ data }) => data.status === 'running'));
    expect(client.events.find(({ event }) => event === 'status')?.data.url).toMatch(/^http:\/\/web-/);
    worker.runtime.log(replicas()[0] ?? '', 'output');
    await client.until(() => client.messages().includes('output'));
    await deploy('two');
    await client.ended();
    expect(client.events.at(-1)).toEqual({ event: 'end', data: { status: 'superseded' } });
  });
});

function seal(key: string, value: string): string {
  return worker.get(SecretBox).seal(value, `variable:${service.id}:${key}`);
}
