/** The deployment workflow on a real database and fake drivers: failed at every step, every step run twice, queued, cancelled. */
import { removeServicesOf } from '#features/services/index.js';
import { Invalid } from '#platform/errors.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';

let worker: TestWorker;
let service: Awaited<ReturnType<TestWorker['service']>>;

const DOCKERFILE = { Dockerfile: 'FROM scratch\n' };

beforeEach(async () => {
  worker = await testWorker();
  service = await worker.service();
});
afterEach(() => worker.close());

async function push(text: string): Promise<string> {
  return worker.source.push(service.id, 'main', { ...DOCKERFILE, 'app.txt': text });
}

async function deploy(text: string) {
  await push(text);
  const { id } = await worker.deployments.create(service.caller, service.id);
  await worker.settle();
  return worker.db.deployment.findUniqueOrThrow({ where: { id } });
}

/** What exists outside the process. */
function world() {
  const containers = [...worker.runtime.workloads.values()]
    .filter(({ state }) => state === 'running')
    .map(({ name }) => name);
  return { containers: containers.sort(), upstreams: worker.ingress.routes.get(service.id)?.upstreams ?? null };
}

const live = async () => (await worker.db.service.findUniqueOrThrow({ where: { id: service.id } })).liveDeploymentId;

const STEPS = ['source.fetch', 'image.build', 'release.start', 'release.await', 'route.switch'];

it('makes a pushed commit the live release and retires the one before', async () => {
  const first = await deploy('one');
  expect(first).toMatchObject({ status: 'running', branch: 'main', error: null });
  const before = world();
  const second = await deploy('two');
  expect(second.status).toBe('running');
  expect(await live()).toBe(second.id);
  expect((await worker.db.deployment.findUniqueOrThrow({ where: { id: first.id } })).status).toBe('superseded');
  expect(world().containers).toHaveLength(1);
  expect(world().containers).not.toEqual(before.containers);
  expect(world().upstreams).toHaveLength(1);
  expect((await worker.db.service.findUniqueOrThrow({ where: { id: service.id } })).status).toBe('running');
});

describe.each(STEPS)('failed after the effect of %s', (failing) => {
  it.each([false, true])('with a live release before it: %s', async (withLive) => {
    const old = withLive ? await deploy('old') : null;
    const before = world();
    const kind = worker.registry.requireKind(failing);
    const original = kind.do;
    kind.do = async (ctx, params) => {
      await original.call(kind, ctx, params);
      throw new Invalid('broken_for_test', 'Broken for the test.');
    };
    const failed = await deploy('new');
    expect(failed).toMatchObject({ status: 'failed', errorCode: 'broken_for_test', error: 'Broken for the test.' });
    expect(world()).toEqual(before);
    expect(await live()).toBe(old?.id ?? null);
    kind.do = original;
    expect((await deploy('newer')).status).toBe('running');
  });
});

it.each([...STEPS, 'release.drain', 'release.retire'])('step %s run twice gives the same result', async (twice) => {
  await deploy('old');
  const kind = worker.registry.requireKind(twice);
  const original = kind.do;
  kind.do = async (ctx, params) => {
    await original.call(kind, ctx, params);
    return original.call(kind, ctx, params);
  };
  const deployment = await deploy('new');
  expect(deployment.status).toBe('running');
  expect(world().containers).toHaveLength(1);
  expect(world().upstreams).toHaveLength(1);
});

it('does not build a tree that is already an image', async () => {
  await deploy('same');
  const builds = worker.builder.builds.length;
  const { id } = await worker.deployments.create(service.caller, service.id);
  await worker.settle();
  expect(worker.builder.builds).toHaveLength(builds);
  expect(await live()).toBe(id);
});

it('rolls back to the image and the configuration of an older deployment, without a build', async () => {
  const first = await deploy('one');
  await worker.db.service.update({ where: { id: service.id }, data: { replicas: 2 } });
  await deploy('two');
  expect(world().containers).toHaveLength(2);
  const builds = worker.builder.builds.length;
  const back = await worker.deployments.rollback(service.caller, first.id);
  await worker.settle();
  expect(await live()).toBe(back.id);
  expect((await worker.db.deployment.findUniqueOrThrow({ where: { id: back.id } })).imageId).toBe(first.imageId);
  expect(world().containers).toHaveLength(1);
  expect(worker.builder.builds).toHaveLength(builds);
});

it('a newer deployment of the branch supersedes the waiting one, never the running one', async () => {
  await push('one');
  const ids: string[] = [];
  for (let index = 0; index < 3; index += 1) ids.push((await worker.deployments.create(service.caller, service.id)).id);
  await worker.settle();
  const rows = await worker.db.deployment.findMany({ where: { id: { in: ids } } });
  const status = Object.fromEntries(rows.map((row) => [row.id, row.status]));
  expect(ids.map((id) => status[id])).toEqual(['superseded', 'superseded', 'running']);
});

it('cancelling a waiting deployment ends it at once', async () => {
  await push('one');
  const { id } = await worker.deployments.create(service.caller, service.id);
  expect((await worker.deployments.cancel(service.caller, id)).status).toBe('cancelled');
  await worker.settle();
  expect(world().containers).toEqual([]);
});

it('removes with the service the image that it pulled, and leaves one that was there before', async () => {
  worker.runtime.addImage('kept:1');
  worker.runtime.images.registry.set('pulled:1', worker.runtime.addImage('pulled:1'));
  worker.runtime.images.present.delete('pulled:1');
  for (const image of ['kept:1', 'pulled:1']) {
    const one = await worker.service({ source: { type: 'image', image } });
    const { id } = await worker.deployments.create(one.caller, one.id);
    await worker.settle();
    expect((await worker.db.deployment.findUniqueOrThrow({ where: { id } })).status).toBe('running');
    await worker.db.$transaction((tx) => removeServicesOf(tx, one.projectId));
    await worker.settle();
  }
  expect([...worker.runtime.images.present.keys()]).toEqual(['kept:1']);
  expect(world().containers).toEqual([]);
});

it('says that nothing was pushed yet', async () => {
  const { id } = await worker.deployments.create(service.caller, service.id);
  await worker.settle();
  expect(await worker.db.deployment.findUniqueOrThrow({ where: { id } })).toMatchObject({
    status: 'failed',
    errorCode: 'nothing_pushed',
  });
});

it("is not found by another user, and neither are its service's actions", async () => {
  const { id } = await deploy('one');
  const stranger = (await worker.service()).caller;
  await expect(worker.deployments.rollback(stranger, id)).rejects.toMatchObject({ status: 404 });
  await expect(worker.deployments.cancel(stranger, id)).rejects.toMatchObject({ status: 404 });
  await expect(worker.deployments.create(stranger, service.id)).rejects.toMatchObject({ status: 404 });
});
