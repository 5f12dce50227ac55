/** What history is deleted and what stays, on a real PostgreSQL. */
import { randomUUID } from 'node:crypto';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { History, KEEP_AT_MOST, KEEP_DEPLOYMENTS, KEEP_NEWEST } from './history.js';

const DAY_MS = 86_400_000;
const OLD = new Date(Date.now() - 100 * DAY_MS);
const RECENT = new Date(Date.now() - 10 * DAY_MS);

let worker: TestWorker;
let service: Awaited<ReturnType<TestWorker['service']>>;

beforeEach(async () => {
  worker = await testWorker();
  service = await worker.service();
});
afterEach(() => worker.close());

const keep = () => worker.get(History).keep();

function run(status: string, finishedAt: Date, fields: Record<string, unknown> = {}) {
  const id = randomUUID();
  return { id, workflow: 'deployment', subjectId: id, lockKey: `service:${service.id}`, status, finishedAt, ...fields };
}

function deployment(createdAt: Date, fields: Record<string, unknown> = {}) {
  return {
    id: randomUUID(),
    serviceId: service.id,
    status: 'superseded',
    trigger: 'manual',
    config: 'sealed',
    createdAt,
    ...fields,
  };
}

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

it('keeps the newest runs of a service, those within the retention, and all that are not over', async () => {
  const stuck = run('stuck', OLD);
  const old = times(5, () => run('succeeded', OLD));
  const newest = times(KEEP_NEWEST, () => run('succeeded', OLD));
  for (const data of [[stuck], old, newest]) await worker.db.run.createMany({ data });
  await worker.db.runStep.create({ data: { runId: old[0]?.id as string, position: 0, kind: 'x', params: {} } });
  const other = run('failed', OLD, { lockKey: 'service:other' });
  await worker.db.run.create({ data: other });
  expect((await keep()).run).toBe(5);
  const left = (await worker.db.run.findMany({ select: { id: true } })).map(({ id }) => id);
  expect(left.sort()).toEqual([stuck.id, other.id, ...newest.map(({ id }) => id)].sort());
  expect(await worker.db.runStep.count()).toBe(0);
  expect((await keep()).run).toBe(0);
});

it('bounds runs and executions of a busy job also within the retention', async () => {
  await worker.db.run.createMany({
    data: times(KEEP_AT_MOST + 7, () => run('succeeded', RECENT, { workflow: 'execution' })),
  });
  await worker.db.execution.createMany({
    data: times(KEEP_AT_MOST + 3, (index) => ({
      id: randomUUID(),
      serviceId: service.id,
      trigger: 'schedule',
      status: index === 0 ? 'running' : 'succeeded',
      scheduledFor: new Date(RECENT.getTime() + index * 60_000),
      createdAt: new Date(RECENT.getTime() + index * 60_000),
    })),
  });
  expect(await keep()).toMatchObject({ run: 7, execution: 2 });
  expect(await worker.db.execution.count({ where: { status: 'running' } })).toBe(1);
});

it('keeps the rows of deployments, and drops the configuration of those that cannot be gone back to', async () => {
  const image = { imageId: 'sha256:1', imageName: `containr/${service.id}`, imageTag: 'a' };
  await worker.db.image.create({
    data: {
      id: randomUUID(),
      serviceId: service.id,
      contentKey: 'k',
      imageId: 'sha256:1',
      tag: 'containr/x:a',
      sizeBytes: 1n,
    },
  });
  const back = deployment(OLD, image);
  const collected = deployment(OLD, { ...image, imageId: 'sha256:gone' });
  const failed = deployment(OLD, { status: 'failed' });
  const pulled = deployment(OLD, { imageId: 'sha256:2', imageName: 'nginx', imageTag: '1.22' });
  const young = deployment(RECENT, { ...image, imageId: 'sha256:gone' });
  const live = deployment(OLD, { ...image, imageId: 'sha256:gone', status: 'running' });
  await worker.db.deployment.createMany({ data: [back, collected, failed, pulled, young, live] });
  expect(await keep()).toMatchObject({ deployment: 0, config: 2 });
  const dropped = await worker.db.deployment.findMany({ where: { config: '' }, select: { id: true } });
  expect(dropped.map(({ id }) => id).sort()).toEqual([collected.id, failed.id].sort());
  expect((await keep()).config).toBe(0);
});

it('bounds the deployments of a service, but never takes the live one', async () => {
  const live = deployment(new Date(OLD.getTime() - DAY_MS));
  await worker.db.deployment.createMany({
    data: [live, ...times(KEEP_DEPLOYMENTS + 4, (index) => deployment(new Date(OLD.getTime() + index)))],
  });
  await worker.db.service.update({ where: { id: service.id }, data: { liveDeploymentId: live.id } });
  expect((await keep()).deployment).toBe(4);
  expect(await worker.db.deployment.count({ where: { id: live.id } })).toBe(1);
});

it('forgets a deleted service after the retention', async () => {
  const kept = await worker.service();
  await worker.db.deployment.createMany({ data: [deployment(OLD), deployment(OLD, { serviceId: kept.id })] });
  await worker.db.service.update({ where: { id: service.id }, data: { deletedAt: OLD } });
  await worker.db.service.update({ where: { id: kept.id }, data: { deletedAt: RECENT } });
  expect((await keep()).deployment).toBe(1);
  expect(await worker.db.deployment.count({ where: { serviceId: kept.id } })).toBe(1);
});

it('forgets idempotency keys after a day', async () => {
  const key = (createdAt: Date) => ({
    userId: randomUUID(),
    key: randomUUID(),
    requestHash: 'x',
    lockedUntil: createdAt,
    createdAt,
  });
  const young = key(new Date(Date.now() - DAY_MS / 2));
  await worker.db.idempotencyKey.createMany({
    data: [...times(3, () => key(new Date(Date.now() - 2 * DAY_MS))), young],
  });
  expect((await keep()).idempotencyKey).toBe(3);
  expect(await worker.db.idempotencyKey.findMany({ select: { key: true } })).toEqual([{ key: young.key }]);
});

it('forgets events with their deliveries, but none that is on its way, and the webhooks of a deleted project', async () => {
  const { projectId } = service;
  const endpoint = { id: randomUUID(), projectId, url: 'https://hooks.example.com/', events: ['*'], secret: '' };
  await worker.db.webhookEndpoint.create({ data: endpoint });
  const event = (createdAt: Date, status: string | null, dispatchedAt: Date | null = createdAt) => {
    const id = randomUUID();
    const deliveries = status ? { create: { id: randomUUID(), endpointId: endpoint.id, status } } : {};
    const row = { id, projectId, type: 'build.failed', data: {}, createdAt, dispatchedAt, deliveries };
    return worker.db.platformEvent.create({ data: row });
  };
  await event(OLD, 'succeeded');
  await event(OLD, null);
  const kept = [await event(OLD, 'pending'), await event(OLD, null, null), await event(RECENT, 'failed')];
  expect(await keep()).toMatchObject({ event: 2, webhook: 0 });
  const left = await worker.db.platformEvent.findMany({ select: { id: true } });
  expect(left.map(({ id }) => id).sort()).toEqual(kept.map(({ id }) => id).sort());
  expect(await worker.db.eventDelivery.count()).toBe(2);
  await worker.db.project.update({ where: { id: projectId }, data: { deletedAt: new Date() } });
  expect(await keep()).toMatchObject({ event: 0, webhook: 1 });
  expect(await worker.db.eventDelivery.count()).toBe(0);
});

it('done by two workers at once deletes once', async () => {
  await worker.db.run.createMany({ data: times(KEEP_NEWEST + 30, () => run('succeeded', OLD)) });
  const [one, two] = await Promise.all([keep(), keep()]);
  expect((one?.run ?? 0) + (two?.run ?? 0)).toBe(30);
});

it('deletes old deliveries of webhooks, but never one that waits, nor the newest of a hook', async () => {
  const hook = {
    id: randomUUID(),
    projectId: service.projectId,
    repository: 'x/y',
    url: '',
    secret: '',
    status: 'manual',
  };
  await worker.db.gitHook.create({ data: hook });
  const delivery = (status: string, receivedAt: Date) => {
    const id = randomUUID();
    const sent = { deliveryId: id, bodySha256: new Uint8Array(), sender: 'github', event: 'push', payload: {} };
    return { id, hookId: hook.id, ...sent, status, receivedAt };
  };
  const waiting = delivery('received', OLD);
  const recent = delivery('done', RECENT);
  const old = times(5, () => delivery('done', OLD));
  const newest = times(KEEP_NEWEST, () => delivery('ignored', OLD));
  for (const data of [[waiting, recent], old, newest]) await worker.db.webhookDelivery.createMany({ data });
  expect((await keep()).webhookDelivery).toBe(5);
  const left = (await worker.db.webhookDelivery.findMany({ select: { id: true } })).map(({ id }) => id);
  expect(left.sort()).toEqual([waiting, recent, ...newest].map(({ id }) => id).sort());
});
