/** Drift is found and healed: on a real database, with fake drivers that play the accidents. */
import { moveClock, restoreClock } from '#platform/testing/clock.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { Reconciler } from './index.js';

let worker: TestWorker;
let service: Awaited<ReturnType<TestWorker['service']>>;
let reconciler: Reconciler;

beforeEach(async () => {
  worker = await testWorker();
  reconciler = worker.get(Reconciler);
  service = await worker.service({ replicas: 2 });
  await worker.source.push(service.id, 'main', { Dockerfile: 'FROM scratch\n' });
  await worker.deployments.create(service.caller, service.id);
  await worker.settle();
});
afterEach(() => worker.close());

const running = () =>
  [...worker.runtime.workloads.values()].filter(({ state }) => state === 'running').map(({ name }) => name);
const upstreams = () => worker.ingress.routes.get(service.id)?.upstreams ?? null;

async function round(containers = true): Promise<string[]> {
  const { healed } = await reconciler.round(containers);
  await worker.settle();
  return healed;
}

it('leaves alone what is as it should be', async () => {
  expect(running()).toHaveLength(2);
  expect(await round()).toEqual([]);
});

it('starts a container again that was removed by hand, and routes to it', async () => {
  worker.runtime.removeByHand(running()[0] as string);
  expect(await round()).toEqual([service.id]);
  expect(running()).toHaveLength(2);
  expect(upstreams()).toHaveLength(2);
  expect(await round()).toEqual([]);
});

it('starts a container again that was stopped by hand', async () => {
  worker.runtime.stopByHand(running()[0] as string);
  expect(await round()).toEqual([service.id]);
  expect(running()).toHaveLength(2);
});

it.each([-3_600_000, 3_600_000])('is not misled by runs of a worker whose clock is %d ms off', async (off) => {
  moveClock(off);
  await worker.deployments.create(service.caller, service.id);
  await worker.settle().finally(restoreClock);
  worker.runtime.removeByHand(running()[0] as string);
  expect(await round()).toEqual([service.id]);
  expect(running()).toHaveLength(2);
});

it('restores a lost route without looking at containers', async () => {
  const before = upstreams();
  worker.ingress.routes.clear();
  expect(await round(false)).toEqual([service.id]);
  expect(upstreams()).toEqual(before);
});

it('removes containers and routes of services that are gone', async () => {
  await worker.db.service.update({
    where: { id: service.id },
    data: { deletedAt: new Date(), desiredState: 'stopped' },
  });
  expect(await round()).toEqual([service.id]);
  expect(running()).toEqual([]);
  expect(upstreams()).toBeNull();
});

it('removes containers of a deployment that is not live', async () => {
  const [one] = [...worker.runtime.workloads.values()];
  if (!one) throw new Error('no container');
  const labels = { ...one.labels, deployment: '00000000-0000-4000-8000-000000000000' };
  const never = new AbortController().signal;
  await worker.runtime.ensureRunning({ ...one.spec, name: 'leftover', labels }, never);
  expect(await round()).toEqual([service.id]);
  expect(running()).toHaveLength(2);
  expect(running()).not.toContain('leftover');
});

it('does not touch a service that a run is changing', async () => {
  worker.runtime.removeByHand(running()[0] as string);
  await worker.deployments.restart(service.caller, service.id, 'restart');
  expect(await reconciler.round(true)).toEqual({ healed: [], again: true });
  await worker.settle();
  expect(running()).toHaveLength(2);
});

it('tries ever more rarely what cannot be healed', async () => {
  for (let index = 0; index < 5; index += 1) {
    worker.runtime.removeByHand(running()[0] as string);
    await round();
  }
  expect(await worker.db.run.count({ where: { workflow: 'service-heal' } })).toBe(3);
});

it('points the route of a service that is being deployed to the new addresses of its live release', async () => {
  await worker.deployments.create(service.caller, service.id); // waits: nobody runs it
  for (const workload of worker.runtime.workloads.values())
    workload.address = workload.address?.replace('127.0', '127.9') ?? null;
  const { healed } = await reconciler.round(true);
  expect(healed).toEqual([]);
  const now = [...worker.runtime.workloads.values()].map(({ address }) => address).sort();
  expect(upstreams()?.map((upstream) => upstream.split(':')[0])).toEqual(now);
});
