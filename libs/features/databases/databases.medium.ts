/** Databases on a real PostgreSQL and the fake engine: failed and done twice at every step, killed workers, links, tombstones, drift. */
import { randomUUID } from 'node:crypto';
import { engineOf, imageOf } from '#drivers/engines/index.js';
import { openConfig } from '#features/releases/index.js';
import { Invalid } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { SecretBox } from '#platform/secrets.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { openCredentials } from './credentials.js';
import { containerName } from './database-containers.js';
import { DatabaseLinksService } from './database-links.service.js';
import { DatabaseToolsService } from './database-tools.service.js';
import { DatabaseReader } from './databases.reader.js';
import { DatabaseReconciler } from './databases.reconciler.js';
import { DatabasesService } from './databases.service.js';
import { DatabaseSampler } from './metrics.sampler.js';
import { DatabaseMetricsService } from './metrics.service.js';

const STEPS = ['database.image', 'database.start', 'database.ready', 'database.setup'];
/** What psql prints when it is asked for the settings. */
const TOLD = JSON.stringify({ max_connections: '25', idle_session_timeout: '0', ssl: 'off', log_statement: 'none' });

let worker: TestWorker;
let service: Awaited<ReturnType<TestWorker['service']>>;
let caller: Caller;
let databases: DatabasesService;

beforeEach(async () => {
  worker = await testWorker();
  service = await worker.service();
  ({ caller } = service);
  databases = worker.get(DatabasesService);
  const engine = engineOf('postgresql');
  for (const version of engine.versions) worker.runtime.addImage(imageOf(engine, version));
  worker.runtime.onExec = async (_name, _program, stdin) => (stdin.includes('json_object_agg') ? { stdout: TOLD } : {});
});
afterEach(async () => {
  worker.get(DatabaseSampler).close();
  await worker.close();
});

const wish = (more: object = {}) => ({
  name: 'Main',
  type: 'postgresql' as const,
  plan: 'hobby' as const,
  region: 'local',
  project_id: service.projectId,
  ...more,
});
const row = (id: string) => worker.db.database.findUniqueOrThrow({ where: { id } });
const view = (id: string) => worker.get(DatabaseReader).get(caller, id);
const containers = () => [...worker.runtime.workloads.keys()];
const volumes = async () =>
  (await worker.db.databaseVolume.findMany({ orderBy: { createdAt: 'asc' } })).map(({ id }) => id);
const password = async (id: string) => openCredentials(worker.get(SecretBox), await row(id)).password;

async function running(more: object = {}): Promise<string> {
  const { id } = await databases.create(caller, wish(more));
  await worker.settle();
  expect((await row(id)).status).toBe('running');
  return id;
}

it('is building at once and running when its engine answers, with limits, a volume and a private network', async () => {
  const made = await databases.create(caller, wish());
  expect([made.status, made.version, made.alias]).toEqual(['building', '15.18', 'main']);
  await worker.settle();
  const { status, settings, connection_url: url, host } = await view(made.id);
  expect([status, host, settings.max_connections]).toEqual(['running', 'main', 25]);
  expect(url).toBe(`postgresql://app:${await password(made.id)}@main:5432/app`);
  const workload = worker.runtime.workloads.get(containerName(made));
  expect(workload?.spec.limits).toEqual({ cpus: 0.5, memoryBytes: 512 * 2 ** 20, pids: 4096 });
  expect(workload?.spec.mounts).toEqual([{ volume: `containr-${made.volumeId}`, path: '/var/lib/postgresql/data' }]);
  expect([workload?.spec.network, workload?.spec.aliases]).toEqual([`containr-${service.projectId}`, ['main']]);
  // The password that the user has is in no container.
  expect(JSON.stringify(workload?.spec)).not.toContain(await password(made.id));
});

it('goes into a project of its own when none is given, the same one each time', async () => {
  const [first, second] = [
    await databases.create(caller, wish({ project_id: undefined })),
    await databases.create(caller, wish({ project_id: undefined, name: 'Other' })),
  ];
  expect(first.projectId).toBe(second.projectId);
  const project = await worker.db.project.findUniqueOrThrow({ where: { id: first.projectId } });
  expect([project.name, project.ownerId]).toEqual(['Default', caller.userId]);
});

it('refuses what is not there, naming what is', async () => {
  await expect(databases.create(caller, wish({ region: 'mars' }))).rejects.toMatchObject({
    code: 'unknown_region',
    details: { regions: ['local'] },
  });
  await expect(databases.create(caller, wish({ version: '9.6' }))).rejects.toMatchObject({
    code: 'unknown_version',
    details: { versions: ['15.18', '17.4', '16.8'] },
  });
  await expect(databases.create(caller, wish({ name: 'web' }))).rejects.toMatchObject({ code: 'database_name_taken' });
  await running();
  await expect(databases.create(caller, wish())).rejects.toMatchObject({ code: 'database_name_taken' });
  expect(await worker.db.database.count()).toBe(1);
});

it("is nobody else's business", async () => {
  const id = await running();
  const stranger = { userId: randomUUID(), isAdmin: false };
  const calls = [
    () => databases.act(stranger, id, 'stop'),
    () => databases.update(stranger, id, { name: 'x' }),
    () => databases.remove(stranger, id, true),
    () => worker.get(DatabaseReader).get(stranger, id),
    () => worker.get(DatabaseToolsService).tenants(stranger, id),
    () => worker.get(DatabaseMetricsService).of(stranger, id, {}),
    () => worker.get(DatabaseLinksService).link(stranger, id, { service_id: service.id, prefix: '' }),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'database_not_found', status: 404 });
});

describe.each(STEPS)('at %s', (step) => {
  it('failed after its effect: an error that says why, no container, the volume kept; started again it runs', async () => {
    const kind = worker.registry.requireKind(step);
    const original = kind.do;
    kind.do = async (ctx, params) => {
      await original(ctx, params);
      throw new Invalid('broken', 'It broke on purpose.');
    };
    const { id, volumeId } = await databases.create(caller, wish());
    await worker.settle();
    expect(await view(id)).toMatchObject({ status: 'error', error: 'It broke on purpose.' });
    expect(containers()).toEqual([]);
    expect(await volumes()).toEqual([volumeId]);
    kind.do = original;
    await databases.act(caller, id, 'start');
    await worker.settle();
    expect(await view(id)).toMatchObject({ status: 'running', error: null });
  });

  it('done twice, as after a worker that was killed in it, is the same as once', async () => {
    const kind = worker.registry.requireKind(step);
    const original = kind.do;
    kind.do = async (ctx, params) => {
      await original(ctx, params);
      return original(ctx, params);
    };
    const id = await running();
    expect(containers()).toEqual([containerName(await row(id))]);
  });
});

it('start, stop and restart are idempotent, and the data is in one volume all the time', async () => {
  const id = await running();
  const before = await volumes();
  expect(await databases.act(caller, id, 'start')).toMatchObject({ status: 'running' });
  expect(await worker.db.run.count()).toBe(1);
  expect(await databases.act(caller, id, 'stop')).toMatchObject({ status: 'building' });
  await worker.settle();
  expect([(await row(id)).status, containers()]).toEqual(['stopped', []]);
  expect(await databases.act(caller, id, 'stop')).toMatchObject({ status: 'stopped' });
  await databases.act(caller, id, 'restart');
  await worker.settle();
  expect([(await row(id)).status, await volumes()]).toEqual(['running', before]);
});

it('changes limits in place and restarts only for what the engine reads at its start', async () => {
  const id = await running();
  const name = containerName(await row(id));
  const first = worker.runtime.workloads.get(name)?.id;
  expect(await databases.update(caller, id, { settings: { timeout: 60 } })).toMatchObject({
    message: expect.stringContaining('without a restart'),
  });
  await worker.settle();
  expect(worker.runtime.workloads.get(name)?.id).toBe(first);
  expect(await databases.update(caller, id, { plan: 'business' })).toMatchObject({
    message: expect.stringContaining('is restarted'),
  });
  await worker.settle();
  expect(worker.runtime.workloads.get(name)?.spec.limits).toMatchObject({ cpus: 4, memoryBytes: 8 * 2 ** 30 });
  await databases.update(caller, id, { settings: { max_connections: 25 }, plan: 'hobby' });
  await worker.settle();
  const second = worker.runtime.workloads.get(name)?.id;
  await databases.update(caller, id, { plan: 'standard' });
  await worker.settle();
  expect([worker.runtime.workloads.get(name)?.id, worker.runtime.workloads.get(name)?.spec.limits.cpus]).toEqual([
    second,
    2,
  ]);
});

it('a linked service is deployed with the address, as it is at that moment and redacted', async () => {
  const id = await running();
  const links = worker.get(DatabaseLinksService);
  const link = await links.link(caller, id, { service_id: service.id, prefix: 'MAIN_' });
  expect(link).toMatchObject({ variable: 'MAIN_DATABASE_URL', value: '${{main.DATABASE_URL}}', redeploy: null });
  expect(await links.link(caller, id, { service_id: service.id, prefix: 'MAIN_' })).toEqual(link);
  await databases.update(caller, id, { name: 'Renamed' });
  await worker.source.push(service.id, 'main', { Dockerfile: 'FROM scratch\n' });
  const { id: deployment } = await worker.deployments.create(caller, service.id);
  const frozen = openConfig(
    worker.get(SecretBox),
    await worker.db.deployment.findUniqueOrThrow({ where: { id: deployment } }),
  );
  expect(frozen.variables.MAIN_DATABASE_URL).toBe(`postgresql://app:${await password(id)}@main:5432/app`);
  expect(frozen.secretKeys).toEqual(['MAIN_DATABASE_URL']);
  await expect(databases.remove(caller, id, false)).rejects.toMatchObject({
    code: 'database_linked',
    details: { services: [{ id: service.id, name: 'web' }] },
  });
  await links.unlink(caller, id, service.id);
  expect(await worker.db.variable.count()).toBe(0);
  await databases.remove(caller, id, false);
});

it('a variable that refers to nothing is said before anything is deployed', async () => {
  await running();
  const override = { env_vars: { URL: '${{main.DATABASE_URL}}', OTHER: '${{nobody.DATABASE_URL}}' } };
  await expect(worker.deployments.create(caller, service.id, override)).rejects.toMatchObject({
    code: 'reference_unknown',
    message: expect.stringContaining('main.DATABASE_URL'),
  });
});

it('a password is shown once the engine has it, also when the worker dies in between', async () => {
  const id = await running();
  const before = await password(id);
  const kind = worker.registry.requireKind('database.setup');
  const original = kind.do;
  kind.do = async () => {
    throw new Invalid('broken', 'It broke on purpose.');
  };
  await databases.rotate(caller, id, 'a new "password" \\');
  await worker.settle();
  expect(await password(id)).toBe(before);
  kind.do = original;
  await databases.act(caller, id, 'start');
  await worker.settle();
  expect(await password(id)).toBe('a new "password" \\');
  const { connection_url: url } = await view(id);
  expect(decodeURIComponent(new URL(url).password)).toBe('a new "password" \\');
});

it('deleted it is a tombstone, brought back with its volume, and gone for good after 7 days', async () => {
  const id = await running();
  const { volumeId } = await row(id);
  await databases.remove(caller, id, false);
  await worker.settle();
  expect([containers(), await worker.runtime.networks.observe({ installation: '' })]).toEqual([[], []]);
  await expect(view(id)).rejects.toMatchObject({ code: 'database_not_found' });
  expect(
    (await worker.get(DatabaseReader).list(caller, { projectId: undefined, deleted: true })).map((one) => one.id),
  ).toEqual([id]);
  expect(await databases.undelete(caller, id)).toMatchObject({ id, status: 'building' });
  await worker.settle();
  expect((await row(id)).volumeId).toBe(volumeId);
  await databases.remove(caller, id, false);
  await worker.settle();
  const reconciler = worker.get(DatabaseReconciler);
  expect(await reconciler.sweep()).toEqual([]);
  await worker.db.databaseVolume.updateMany({ data: { detachedAt: new Date(Date.now() - 8 * 86_400_000) } });
  expect(await reconciler.sweep()).toEqual([id]);
  await worker.settle();
  expect((await row(id)).purgedAt).not.toBeNull();
  await expect(databases.undelete(caller, id)).rejects.toMatchObject({ code: 'database_not_found' });
});

it('a volume whose time has come takes no younger one with it, unless the owner wants all of it gone', async () => {
  const id = await running();
  const { volumeId } = await row(id);
  const old = { id: randomUUID(), databaseId: id, detachedAt: new Date(Date.now() - 8 * 86_400_000) };
  await worker.db.databaseVolume.create({ data: old });
  await databases.remove(caller, id, false);
  await worker.settle();
  expect(await worker.get(DatabaseReconciler).sweep()).toEqual([id]);
  await worker.settle();
  const left = async () =>
    (await worker.db.databaseVolume.findMany({ where: { databaseId: id, purgedAt: null } })).map((one) => one.id);
  expect([await left(), (await row(id)).purgedAt]).toEqual([[volumeId], null]);
  await databases.purge(caller, id);
  await worker.settle();
  expect(await left()).toEqual([]);
  expect((await row(id)).purgedAt).not.toBeNull();
});

it('what a database runs on is never purged, also when its row says that it was left', async () => {
  const id = await running();
  const { volumeId } = await row(id);
  await worker.db.databaseVolume.update({ where: { id: volumeId }, data: { detachedAt: new Date(0) } });
  expect(await worker.get(DatabaseReconciler).sweep()).toEqual([]);
});

it('drift is found and put right: removed, stopped, and a container of a deleted one', async () => {
  const id = await running();
  const reconciler = worker.get(DatabaseReconciler);
  const name = containerName(await row(id));
  expect((await reconciler.round()).healed).toEqual([]);
  for (const accident of [() => worker.runtime.removeByHand(name), () => worker.runtime.stopByHand(name)]) {
    accident();
    expect((await reconciler.round()).healed).toEqual([id]);
    await worker.settle();
    expect(worker.runtime.workloads.get(name)?.state).toBe('running');
  }
  await worker.db.database.update({ where: { id }, data: { deletedAt: new Date(), desiredState: 'stopped' } });
  expect((await reconciler.round()).healed).toEqual([id]);
  await worker.settle();
  expect(containers()).toEqual([]);
});

it('is measured; what nobody knows is missing, and 5 minutes become one point', async () => {
  const id = await running();
  const name = containerName(await row(id));
  const sampler = worker.get(DatabaseSampler);
  const at = new Date(Math.floor(Date.now() / 300_000) * 300_000);
  await sampler.sample(new Date(at.getTime() - 15_000), 0);
  worker.runtime.setUsage(name, { cpuSeconds: 3, memoryBytes: 1000, network: { inBytes: 10, outBytes: 20 } });
  await sampler.sample(at, 15);
  const figures = { cpu: 0.2, memory: 1000, storage: null, connections: null, read_iops: null, write_iops: null };
  const point = { at: at.toISOString(), ...figures, network_in: 10, network_out: 20 };
  const metrics = worker.get(DatabaseMetricsService);
  const hour = { from: new Date(at.getTime() - 3_600_000).toISOString() };
  expect(await metrics.of(caller, id, hour)).toMatchObject({ step: 15, points: [point] });
  const month = { from: new Date(at.getTime() - 29 * 86_400_000).toISOString() };
  expect(await metrics.of(caller, id, month)).toMatchObject({ step: 300, points: [point] });
  await expect(metrics.of(caller, id, { from: new Date(Date.now() + 1000).toISOString() })).rejects.toMatchObject({
    code: 'validation_failed',
  });
});
