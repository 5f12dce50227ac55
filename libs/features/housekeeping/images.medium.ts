/** Collecting images and refusing builds, on a real database with a fake engine and fake disks. */
import { randomUUID } from 'node:crypto';
import { Installation } from '#platform/installation.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { BuildCache } from './build-cache.js';
import { ImageCollector } from './image-collector.js';

const GIB = 2 ** 30;
/** Each image of the fake takes 1 GiB by itself. */
const SETTINGS = { CONTAINR_IMAGE_BUDGET_GB: '2', CONTAINR_IMAGE_KEEP: '2' };

let worker: TestWorker;
let service: Awaited<ReturnType<TestWorker['service']>>;

beforeEach(async () => {
  worker = await testWorker(SETTINGS);
  service = await worker.service();
});
afterEach(() => worker.close());

const collect = () => worker.get(ImageCollector).collect();

type Deployed = { id: string; imageId: string };

/** Every image takes 1 GiB: the fake's builder makes tiny ones. */
async function deploy(text: string, of = service): Promise<Deployed> {
  worker.source.push(of.id, 'main', { Dockerfile: 'FROM scratch\n', 'app.txt': text });
  const { id } = await worker.deployments.create(of.caller, of.id);
  await worker.settle();
  for (const facts of worker.runtime.images.present.values()) facts.sizeBytes = GIB;
  await worker.db.image.updateMany({ data: { sizeBytes: BigInt(GIB) } });
  const { imageId } = await worker.db.deployment.findUniqueOrThrow({ where: { id } });
  return { id, imageId: imageId ?? '' };
}

async function deployAll(texts: string[]) {
  const deployments = [];
  for (const text of texts) deployments.push(await deploy(text));
  return deployments;
}

const isHere = (image: string | null) => worker.runtime.images.get(image ?? '') !== null;

it('removes the oldest that nobody needs, under the lock of their service, and tells a rollback', async () => {
  const deployments = await deployAll(['1', '2', '3', '4', '5', '6']);
  expect(await collect()).toEqual({ services: [service.id], forgotten: 0, strays: [] });
  await worker.settle();
  // Live and two to go back to are needed; the budget of two cannot be met without them.
  expect(deployments.map(({ imageId }) => isHere(imageId))).toEqual([false, false, false, true, true, true]);
  expect(await worker.db.image.count()).toBe(3);
  const [oldest, , , kept] = deployments as [Deployed, Deployed, Deployed, Deployed];
  await expect(worker.deployments.rollback(service.caller, oldest.id)).rejects.toMatchObject({
    code: 'image_collected',
    status: 409,
  });
  const back = await worker.deployments.rollback(service.caller, kept.id);
  await worker.settle();
  expect((await worker.db.deployment.findUniqueOrThrow({ where: { id: back.id } })).status).toBe('running');
  const run = await worker.db.run.findFirstOrThrow({ where: { workflow: 'image-gc' }, include: { steps: true } });
  expect(run).toMatchObject({
    status: 'succeeded',
    lockKey: `service:${service.id}`,
    steps: [{ kind: 'images.collect', status: 'done' }],
  });
  expect((await collect()).services).toEqual([]);
});

it('asks the engine for sizes only above the budget', async () => {
  await deploy('1');
  await collect();
  expect(worker.runtime.calls.some((call) => call.startsWith('images.uniqueSizes'))).toBe(false);
});

it('collects below the budget when the disk is low, and refuses builds until there is room', async () => {
  for (const text of ['1', '2', '3', '4']) await deploy(text);
  await worker.db.image.updateMany({ data: { sizeBytes: 1n } });
  worker.disks.freeBytes = 9 * GIB;
  const before = await worker.db.deployment.count();
  await expect(worker.deployments.create(service.caller, service.id)).rejects.toMatchObject({
    code: 'disk_low',
    status: 507,
  });
  expect(await worker.db.deployment.count()).toBe(before);
  expect((await collect()).services).toEqual([service.id]);
  await worker.settle();
  expect(await worker.db.image.count()).toBe(3);
  worker.disks.freeBytes = 100 * GIB;
  await worker.deployments.create(service.caller, service.id);
  await worker.settle();
});

it('a disk that fills after the request fails the build before it has made anything; what serves goes on', async () => {
  const live = await deploy('1');
  worker.source.push(service.id, 'main', { Dockerfile: 'FROM scratch\n', 'app.txt': '2' });
  const { id } = await worker.deployments.create(service.caller, service.id);
  worker.disks.freeBytes = 1;
  await worker.settle();
  const failed = await worker.db.deployment.findUniqueOrThrow({ where: { id } });
  expect(failed).toMatchObject({ status: 'failed', errorCode: 'disk_low', imageId: null });
  expect(failed.error).toMatch(/GiB free of/);
  expect(worker.builder.builds).toHaveLength(1);
  expect((await worker.db.service.findUniqueOrThrow({ where: { id: service.id } })).liveDeploymentId).toBe(live.id);
  // Going back needs no build.
  await worker.deployments.restart(service.caller, service.id, 'restart');
  await worker.settle();
});

it('leaves a service alone that a deployment works on, and what that deployment is about to run', async () => {
  const deployments = await deployAll(['1', '2', '3', '4', '5']);
  const [oldest] = deployments as [{ id: string; imageId: string }];
  const back = await worker.deployments.rollback(service.caller, oldest.id);
  expect((await collect()).services).toEqual([]);
  await worker.settle();
  expect((await worker.db.deployment.findUniqueOrThrow({ where: { id: back.id } })).status).toBe('running');
  expect(isHere(oldest.imageId)).toBe(true);
});

it('looks again under the lock: what a deployment that came later needs is kept', async () => {
  const deployments = await deployAll(['1', '2', '3', '4', '5']);
  expect((await collect()).services).toEqual([service.id]);
  const [first, second] = deployments as [{ id: string; imageId: string }, { imageId: string }];
  await worker.deployments.rollback(service.caller, first.id);
  await worker.settle();
  expect([isHere(first.imageId), isHere(second.imageId)]).toEqual([true, false]);
  expect((await worker.db.service.findUniqueOrThrow({ where: { id: service.id } })).status).toBe('running');
});

it('an image that the engine does not let go of stays known', async () => {
  const deployments = await deployAll(['1', '2', '3', '4', '5']);
  const [first] = deployments as [Deployed];
  const workload = [...worker.runtime.workloads.values()][0];
  worker.runtime.workloads.set('foreign', {
    ...(workload as NonNullable<typeof workload>),
    name: 'foreign',
    image: first.imageId,
  });
  await collect();
  await worker.settle();
  expect(isHere(first.imageId)).toBe(true);
  expect(await worker.db.image.count({ where: { imageId: first.imageId } })).toBe(1);
});

it('forgets what was removed by hand, and a moved tag is not ours', async () => {
  const first = await deploy('1');
  const second = await deploy('2');
  for (const [ref, { id }] of worker.runtime.images.present)
    if (id === first.imageId) worker.runtime.images.present.delete(ref);
  expect((await collect()).forgotten).toBe(1);
  expect(await worker.db.image.findMany({ select: { imageId: true } })).toEqual([{ imageId: second.imageId }]);
});

it('removes what carries our label without a record only when it is old and unused', async () => {
  const installation = await worker.get(Installation).id();
  const labels = { 'containr.installation': installation, 'containr.service': service.id };
  const old = new Date(Date.now() - 2 * 3_600_000);
  const here = {
    stray: worker.runtime.addImage('containr/x:stray', { labels, touchedAt: old }),
    young: worker.runtime.addImage('containr/x:young', { labels }),
    foreign: worker.runtime.addImage('theirs:1', { labels: { 'containr.installation': randomUUID() }, touchedAt: old }),
    unlabelled: worker.runtime.addImage('nginx:1', { touchedAt: old }),
    renamed: worker.runtime.addImage('mine/copy:1', { labels, touchedAt: old }),
  };
  expect((await collect()).strays).toEqual(['containr/x:stray']);
  const left = Object.entries(here)
    .filter(([, { id }]) => isHere(id))
    .map(([name]) => name);
  expect(left).toEqual(['young', 'foreign', 'unlabelled', 'renamed']);
});

it('two workers at once start one run', async () => {
  for (const text of ['1', '2', '3', '4', '5']) await deploy(text);
  const results = await Promise.all([collect(), collect()]);
  expect(results.flatMap(({ services }) => services)).toEqual([service.id]);
  expect(await worker.db.run.count({ where: { workflow: 'image-gc' } })).toBe(1);
  await worker.settle();
});

it('does not touch the build cache of an engine that others may use', async () => {
  expect(await worker.get(BuildCache).keep()).toBeNull();
  expect(worker.builder.prunes).toEqual([]);
});

it('keeps the cache of an engine of our own within its budget, and empties it when the disk is low', async () => {
  const own = await testWorker({ CONTAINR_BUILD_CACHE_BUDGET_GB: '3' });
  try {
    await own.get(BuildCache).keep();
    own.disks.freeBytes = 1;
    await own.get(BuildCache).keep();
    expect(own.builder.prunes).toEqual([3 * GIB, 0]);
  } finally {
    await own.close();
  }
});
