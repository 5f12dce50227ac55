/** Collecting on the real Docker Engine: what others have made beside ours is untouched, whatever it looks like. */
import { randomUUID } from 'node:crypto';
import { DockerRuntime } from '#drivers/runtime/docker/docker-runtime.js';
import { makeTestImage, type TestImage, testDocker } from '#drivers/runtime/testing/test-image.js';
import { Installation } from '#platform/installation.js';
import { moveClock, restoreClock } from '#platform/testing/clock.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { BuildCache } from './build-cache.js';
import { ImageCollector } from './image-collector.js';

const docker = testDocker();
const mark = randomUUID().slice(0, 8);
/** Any image exceeds it. */
const SETTINGS = { CONTAINR_IMAGE_BUDGET_GB: '0.1', CONTAINR_IMAGE_KEEP: '1' };

let worker: TestWorker;
let runtime: DockerRuntime;
let base: TestImage;
const undo: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  base = await makeTestImage();
});
afterAll(() => base.remove());
beforeEach(async () => {
  runtime = new DockerRuntime();
  worker = await testWorker(SETTINGS, { runtime });
});
afterEach(async () => {
  for (const back of undo.splice(0).reverse()) await back();
  await worker.close();
  runtime.close();
});

const exists = (name: string) => runtime.images.find(name).then((facts) => facts !== null);

/** An image of its own id: committed from a container of the base image that was never started. */
async function image(tag: string, labels: Record<string, string>): Promise<string> {
  const container = await docker.createContainer({ Image: base.ref, Labels: { mark } });
  const [repo, version] = tag.split(':');
  const changes = Object.entries({ ...labels, nonce: randomUUID() }).map(([key, value]) => `LABEL ${key}=${value}`);
  await container.commit({ repo, tag: version, changes });
  await container.remove();
  undo.push(() => docker.getImage(tag).remove().catch(gone));
  return ((await runtime.images.find(tag)) as { id: string }).id;
}

const gone = (error: { statusCode?: number }) => {
  if (error.statusCode !== 404) throw error;
};

/** A release that was live once and is not any more. */
async function formerRelease(serviceId: string, number: number, labels: Record<string, string>): Promise<string> {
  const tag = `containr/${serviceId}:${number}`;
  const imageId = await image(tag, labels);
  const createdAt = new Date(Date.now() - (100 - number) * 60_000);
  const id = randomUUID();
  const columns = {
    imageId,
    imageName: `containr/${serviceId}`,
    imageTag: String(number),
    config: 'x',
    createdAt,
    startedAt: createdAt,
  };
  await worker.db.deployment.create({ data: { id, serviceId, status: 'superseded', trigger: 'manual', ...columns } });
  // Counted as large by the record, so that the engine is asked.
  const sizeBytes = 10n ** 9n;
  await worker.db.image.create({
    data: { id: randomUUID(), serviceId, contentKey: id, imageId, tag, sizeBytes, createdAt },
  });
  return tag;
}

it('removes our old images and nothing of anybody else', async () => {
  const service = await worker.service();
  const installation = await worker.get(Installation).id();
  const ours = { 'containr.installation': installation, 'containr.service': service.id };
  const theirs = { 'containr.installation': randomUUID() };
  const foreign = {
    unlabelled: `foreign-${mark}:1`,
    sameName: `containr/foreign-${mark}:1`,
    otherInstallation: `containr/${randomUUID()}:1`,
    renamed: `copy-of-ours-${mark}:1`,
  };
  await image(foreign.unlabelled, {});
  await image(foreign.sameName, {});
  await image(foreign.otherInstallation, theirs);
  await image(foreign.renamed, ours);
  const used = await formerRelease(service.id, 1, ours);
  const old = await formerRelease(service.id, 2, ours);
  const last = await formerRelease(service.id, 3, ours);
  const container = await docker.createContainer({ name: `foreign-${mark}`, Image: used });
  undo.push(() => container.remove({ force: true, v: true }));
  const volume = `foreign-${mark}`;
  await docker.createVolume({ Name: volume });
  undo.push(() => docker.getVolume(volume).remove());
  const network = await docker.createNetwork({ Name: `foreign-${mark}` });
  undo.push(() => network.remove());

  // The disk is low besides, so that all that may go, goes.
  worker.disks.freeBytes = 1;
  const first = await worker.get(ImageCollector).collect();
  expect(first).toMatchObject({ services: [service.id], forgotten: 0, strays: [] });
  await worker.settle();
  await worker.get(BuildCache).keep();

  expect([await exists(used), await exists(old), await exists(last)]).toEqual([true, false, true]);
  const records = await worker.db.image.findMany({ where: { serviceId: service.id }, orderBy: { createdAt: 'asc' } });
  expect(records.map(({ tag }) => tag)).toEqual([used, last]);
  for (const tag of Object.values(foreign)) expect([tag, await exists(tag)]).toEqual([tag, true]);
  expect((await container.inspect()).Id).toBe(container.id);
  expect((await docker.getVolume(volume).inspect()).Name).toBe(volume);
  expect((await network.inspect()).Id).toBe(network.id);
  // Others build on this engine meanwhile, so its records cannot be compared: what counts is that the engine was not asked.
  expect(worker.builder.prunes).toEqual([]);
});

it('takes an image without a record away only when it is old', async () => {
  const service = await worker.service();
  const labels = { 'containr.installation': await worker.get(Installation).id(), 'containr.service': service.id };
  const tag = `containr/${service.id}:stray`;
  const id = await image(tag, labels);
  const facts = await runtime.images.find(id);
  expect(Math.abs(Date.now() - (facts?.touchedAt.getTime() ?? 0))).toBeLessThan(10 * 60_000);
  expect((await worker.get(ImageCollector).collect()).strays).toEqual([]);
  moveClock(2 * 3_600_000);
  try {
    expect((await worker.get(ImageCollector).collect()).strays).toEqual([tag]);
  } finally {
    restoreClock();
  }
  expect(await exists(tag)).toBe(false);
});

it('knows what an image takes by itself', async () => {
  const tag = `containr/${randomUUID()}:1`;
  const id = await image(tag, {});
  const sizes = await runtime.images.uniqueSizes();
  const facts = await runtime.images.find(id);
  // It shares its only layer with the image it was made from.
  expect(facts?.sizeBytes).toBeGreaterThan(1_000_000);
  expect(sizes.get(id)).toBeLessThan(100_000);
});

it('says where a local engine keeps its data', async () => {
  expect(await runtime.dataRoot()).toMatch(/^\//);
});
