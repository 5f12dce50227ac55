/** The log of releases that are gone, and what is found in it: over real HTTP, with PostgreSQL and the fake engine. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Workload } from '#drivers/runtime/port.js';
import { Unavailable } from '#platform/errors.js';
import { SecretBox } from '#platform/secrets.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { unpackLines } from '../releases/archive-format.js';
import { ReleaseArchive } from '../releases/release-archive.js';
import { BuildLogs } from './build-log.js';
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

async function deploy(text: string): Promise<string> {
  worker.source.push(service.id, 'main', { Dockerfile: 'FROM scratch\n', 'app.txt': text });
  const { id } = await worker.deployments.create(service.caller, service.id);
  await worker.settle();
  return id;
}

const names = () => [...worker.runtime.workloads.keys()].sort();
const say = (message: string, replica = 0) => worker.runtime.log(names()[replica] ?? '', message);

interface Answer {
  logs: { message: string; replica?: number; timestamp: string }[];
  message?: string;
  runtime_log?: string;
  partial?: boolean;
}
async function read(target: string): Promise<Answer> {
  const answer = await api.ask(service.caller, target);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Answer;
}
const texts = async (target: string) => (await read(target)).logs.map(({ message }) => message);
async function follow(target: string, headers: Record<string, string> = {}) {
  const stop = new AbortController();
  return logClient(await api.ask(service.caller, target, { signal: stop.signal, headers }), stop);
}
const ofService = (query = '') => `/services/${service.id}/logs${query}`;
const ofDeployment = (id: string, query = '') => `/deployments/${id}/logs?type=runtime${query}`;

async function addSecret(value: string): Promise<void> {
  const sealed = worker.get(SecretBox).seal(value, `variable:${service.id}:TOKEN`);
  await worker.db.variable.create({
    data: { id: randomUUID(), serviceId: service.id, key: 'TOKEN', secret: true, value: sealed },
  });
}

describe('a release that is gone', () => {
  it('still has its log, by replica and redacted, in its deployment and before that of its successor', async () => {
    await addSecret('hunter2secret');
    const old = await deploy('one');
    say('old a');
    say('old b hunter2secret', 1);
    await deploy('two');
    say('new a');
    const gone = await read(ofDeployment(old));
    expect(gone.logs.map(({ message, replica }) => [message, replica])).toEqual([
      ['old a', 0],
      ['old b ***', 1],
    ]);
    expect(gone.runtime_log).toBe('old a\nold b ***');
    expect(await texts(ofService())).toEqual(['old a', 'old b ***', 'new a']);
    expect(await texts(ofService('?tail=2'))).toEqual(['old b ***', 'new a']);
    expect(await texts(ofService('?search=HUNTER2'))).toEqual([]);
    const stored = await worker.db.releaseLog.findMany({ orderBy: { replica: 'asc' } });
    expect(stored.map(({ lines, replica }) => [lines, replica])).toEqual([
      [1, 0],
      [1, 1],
    ]);
    expect((await unpackLines(stored[1]?.content as Uint8Array)).map(({ message }) => message)).toEqual(['old b ***']);
  });

  it('that never became ready still says why', async () => {
    const start = worker.registry.requireKind('release.await');
    const original = start.do;
    start.do = async () => {
      say('cannot open the database');
      throw new Error('not ready');
    };
    const id = await deploy('broken');
    start.do = original;
    expect((await worker.db.deployment.findUniqueOrThrow({ where: { id } })).status).toBe('failed');
    expect(await texts(ofDeployment(id))).toEqual(['cannot open the database']);
    const client = await follow(ofDeployment(id, '&follow=true'));
    await client.ended();
    expect(client.messages()).toEqual(['cannot open the database']);
    expect(client.events.at(-1)?.event).toBe('end');
  });

  it('has each line once, however often it is kept and while its container is still there', async () => {
    const id = await deploy('one');
    say('before');
    const { keep } = worker.get(ReleaseArchive);
    const workload = worker.runtime.workloads.get(names()[0] ?? '') as Workload;
    for (let time = 0; time < 2; time += 1) await keep(workload);
    expect(await worker.db.releaseLog.count()).toBe(1);
    expect(await texts(ofService())).toEqual(['before']);
    say('after');
    await keep(workload);
    expect((await worker.db.releaseLog.findMany({ orderBy: { at: 'asc' } })).map(({ lines }) => lines)).toEqual([1, 1]);
    expect(await texts(ofDeployment(id))).toEqual(['before', 'after']);
  });

  it('keeps the last MiB of what it wrote', async () => {
    const id = await deploy('one');
    for (let line = 1; line <= 300; line += 1) say(`${line} ${'x'.repeat(10_000)}`);
    await deploy('two');
    const kept = (await texts(ofDeployment(id, '&tail=all'))).map((text) => Number(text.split(' ')[0]));
    expect(kept.length).toBeGreaterThan(90);
    expect(kept.length).toBeLessThan(106);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => 300 - kept.length + 1 + index));
  });

  it('is removed all the same when its output cannot be read', async () => {
    const old = await deploy('one');
    const before = names();
    say('lost');
    for (let call = 0; call < 2; call += 1)
      worker.runtime.failNext('logs', new Unavailable('engine_unreachable', 'for the test'));
    await deploy('two');
    expect(names()).toHaveLength(2);
    expect(names()).not.toEqual(before);
    expect(await texts(ofDeployment(old))).toEqual([]);
  });

  it('is followed from its archived lines on to live ones, and resumes in between', async () => {
    await deploy('one');
    for (const message of ['one', 'two', 'three']) say(message);
    await deploy('two');
    const first = await follow(ofService('?follow=true&tail=2'));
    await first.until(() => first.messages().length === 2);
    expect(first.messages()).toEqual(['two', 'three']);
    const seen = first.events.at(-1)?.id ?? '';
    await first.leave();
    say('live');
    const second = await follow(ofService('?follow=true'), { 'last-event-id': seen });
    await second.until(() => second.messages().length > 0);
    expect(second.messages()).toEqual(['live']);
    await second.leave();
  });
});

describe('search and range', () => {
  it('finds text whatever its case, live and archived, before the tail is cut', async () => {
    await deploy('one');
    say('Error: 100%_done');
    say('fine');
    await deploy('two');
    say('another ERROR');
    for (let line = 0; line < 50; line += 1) say(`noise ${line}`);
    expect(await texts(ofService('?search=error&tail=5'))).toEqual(['Error: 100%_done', 'another ERROR']);
    expect(await texts(ofService('?search=error&tail=1'))).toEqual(['another ERROR']);
    expect(await texts(ofService('?search=100%25_'))).toEqual(['Error: 100%_done']);
    for (const query of ['?search=nothing', '?since=1h&tail=3'])
      expect((await read(ofService(query))).partial).toBeUndefined();
  });

  it('says when it did not look at everything', async () => {
    await deploy('one');
    say('needle');
    // Two replicas: 50,000 lines of each.
    for (let line = 1; line < 50_000; line += 1) say('hay');
    const found = await read(ofService('?search=needle'));
    expect([found.logs.map(({ message }) => message), found.partial]).toEqual([['needle'], true]);
    say('hay');
    expect(await read(ofService('?search=needle'))).toEqual({ logs: [], partial: true });
    const client = await follow(ofService('?follow=true&search=needle'));
    await client.until(() => client.events.length > 0);
    expect(client.events[0]?.event).toBe('partial');
    await client.leave();
  });

  it('keeps to a range of time, with both ends', async () => {
    await deploy('one');
    const line = async (message: string) => {
      say(message);
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    for (const message of ['a', 'b', 'c']) await line(message);
    const at = (await read(ofService())).logs.map(({ timestamp }) => timestamp);
    const cut = (time: string | undefined) => encodeURIComponent(`${time?.slice(0, 23)}Z`);
    const next = encodeURIComponent(new Date(Date.parse(at[1] ?? '') + 1).toISOString());
    expect(await texts(ofService(`?since=${cut(at[1])}`))).toEqual(['b', 'c']);
    expect(await texts(ofService(`?until=${next}`))).toEqual(['a', 'b']);
    expect(await texts(ofService('?since=15m'))).toEqual(['a', 'b', 'c']);
    expect(await texts(ofService('?until=1h'))).toEqual([]);
    await deploy('two');
    expect(await texts(ofService(`?since=${cut(at[1])}&until=${next}`))).toEqual(['b']);
    for (const query of ['?since=yesterday', '?until=5w', '?search='])
      expect((await api.ask(service.caller, ofService(query))).status).toBe(400);
  });

  it('filters build lines, also with tail and follow', async () => {
    const { id } = await worker.deployments.create(service.caller, service.id);
    const writer = worker.get(BuildLogs).open(id, []);
    for (let line = 1; line <= 6000; line += 1) writer.line(`${line % 1000 === 0 ? 'Warning' : 'step'} ${line}`);
    await writer.close();
    const warnings = [1, 2, 3, 4, 5, 6].map((thousand) => `Warning ${thousand}000`);
    expect(await texts(`/deployments/${id}/logs?type=build&search=warning`)).toEqual(warnings);
    expect(await texts(`/deployments/${id}/logs?type=build&search=warning&tail=2`)).toEqual(warnings.slice(-2));
    expect(await texts(`/deployments/${id}/logs?type=build&until=1h`)).toEqual([]);
    await worker.db.deployment.update({ where: { id }, data: { status: 'failed' } });
    const client = await follow(`/deployments/${id}/logs?follow=true&search=warning&tail=3`);
    await client.ended();
    expect(client.messages()).toEqual(warnings.slice(-3));
  });

  it('filters what is followed, and ends when the range does', async () => {
    await deploy('one');
    say('error before');
    const client = await follow(ofService('?follow=true&search=error'));
    await client.until(() => client.messages().includes('error before'));
    say('noise');
    say('error live');
    await client.until(() => client.messages().includes('error live'));
    expect(client.messages()).toEqual(['error before', 'error live']);
    await client.leave();
    const over = await follow(ofService('?follow=true&until=0s'));
    await over.ended();
    expect(over.messages()).toEqual(['error before', 'noise', 'error live']);
  });
});

it('cuts a client that does not read, visibly, and loses nothing for it when it comes back', async () => {
  service = await worker.service();
  await deploy('one');
  const name = [...worker.runtime.workloads.values()].find(({ labels }) => labels.service === service.id)?.name ?? '';
  const { port, hostname } = new URL(api.url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `GET ${ofService('?follow=true&tail=0')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.token(service.caller)}\r\n\r\n`,
  );
  await once(socket, 'readable');
  const [lines, text] = [1500, 'x'.repeat(16 * 1024)];
  // Paced by the feed of everybody else, so that lines really go to the queue of the one that does not read.
  const reader = await follow(ofService('?follow=true&tail=0'));
  for (let line = 1; line <= lines; line += 1) {
    worker.runtime.log(name, `${line} ${text}`);
    if (line % 25 === 0) await reader.until(() => reader.messages().length === line);
  }
  await reader.leave();
  let received = '';
  socket.on('data', (data) => (received += data.toString('latin1')));
  await until(
    () => received.includes('event: gap'),
    () => received.slice(-300),
  );
  socket.destroy();
  // The queue's 1 MiB and what the kernel holds of a connection; of everything there is, much less.
  expect(received.length).toBeLessThan((lines * text.length) / 2);
  const seen = [...received.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1] ?? '';
  const last = Number([...received.matchAll(/"message":"(\d+) x/g)].at(-1)?.[1] ?? 0);
  const back = await follow(ofService('?follow=true'), { 'last-event-id': seen });
  await back.until(() => back.messages().length >= lines - last);
  const numbers = back.messages().map((message) => Number(String(message).split(' ')[0]));
  expect(numbers).toEqual(Array.from({ length: lines - last }, (_, index) => last + 1 + index));
  await back.leave();
});
