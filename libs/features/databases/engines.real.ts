/**
 * Conformance of the engines: the same story with each, on the real Docker Engine. An engine whose image is not on the host is skipped, and
 * the name of the skipped test says so; `node deploy/images/build.mjs` makes three of them.
 */
import { randomUUID } from 'node:crypto';
import { ENGINE_KINDS, ENGINES, type EngineKind, engineOf, imageOf, tableFacts } from '#drivers/engines/index.js';
import { DockerRuntime } from '#drivers/runtime/docker/docker-runtime.js';
import { testDocker } from '#drivers/runtime/testing/test-image.js';
import type { Caller } from '#platform/http/index.js';
import { Installation } from '#platform/installation.js';
import { SecretBox } from '#platform/secrets.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { Certificates } from './certificates.js';
import { openCredentials } from './credentials.js';
import { containerName, DatabaseContainers, projectNetwork } from './database-containers.js';
import { DatabaseLinksService } from './database-links.service.js';
import { DatabaseToolsService } from './database-tools.service.js';
import { DatabaseReader } from './databases.reader.js';
import { DatabaseReconciler } from './databases.reconciler.js';
import { DatabasesService } from './databases.service.js';
import { DatabaseSampler } from './metrics.sampler.js';
import { resolveReferences } from './references.js';
import { EVERY_SIGN, FIXTURES, type Fixture } from './testing/fixtures.js';

jest.setTimeout(300_000);

const docker = testDocker();
const signal = new AbortController().signal;
let worker: TestWorker;
let runtime: DockerRuntime;
let caller: Caller;
let projectId: string;
let serviceId: string;

beforeAll(async () => {
  runtime = new DockerRuntime();
  worker = await testWorker({}, { runtime });
  const service = await worker.service();
  ({ caller, projectId, id: serviceId } = service);
});

afterAll(async () => {
  const label = [`containr.installation=${await worker.get(Installation).id()}`];
  for (const { Id } of await docker.listContainers({ all: true, filters: { label } }))
    await docker.getContainer(Id).remove({ force: true, v: true });
  for (const { Name } of (await docker.listVolumes({ filters: JSON.stringify({ label }) as never })).Volumes)
    await docker.getVolume(Name).remove();
  for (const { Id } of await docker.listNetworks({ filters: { label } })) await docker.getNetwork(Id).remove();
  await worker.close();
  runtime.close();
});

const present = async (kind: EngineKind) =>
  (await runtime.images.find(imageOf(engineOf(kind), ENGINES[kind].versions[0] as string))) !== null;

/** What a service of the project prints that was given the variables. */
async function asService(image: string, line: string, variables: Record<string, string>): Promise<string> {
  const owner = { installation: await worker.get(Installation).id() };
  const name = `client-${randomUUID().slice(0, 8)}`;
  const spec = {
    name,
    labels: {
      ...owner,
      project: projectId,
      service: serviceId,
      deployment: serviceId,
      role: 'job' as const,
      replica: 0,
    },
    image,
    command: ['bash', '-c', line],
    env: variables,
    network: projectNetwork(projectId),
    aliases: [],
    limits: { cpus: 1, memoryBytes: 128 * 2 ** 20, pids: 100 },
    mounts: [],
    restart: 'never' as const,
    graceSeconds: 1,
  };
  const handle = await runtime.ensureRunning(spec, signal);
  const exitCode = await runtime.wait(handle, signal);
  const lines: string[] = [];
  for await (const batch of runtime.logs(handle, { tail: 'all', follow: true }, signal))
    lines.push(...batch.map(({ message }) => message));
  await runtime.ensureAbsent(name, owner, { graceSeconds: 0 });
  return exitCode === 0 ? lines.join('\n').trim() : `exit ${exitCode}: ${lines.join('\n')}`;
}

describe.each(ENGINE_KINDS.map((kind) => [kind]))('%s', (kind) => {
  const engine = engineOf(kind);
  const fixture = FIXTURES[kind] as Fixture;
  const image = imageOf(engine, engine.versions[0] as string);
  let id = '';
  let skipped = false;

  const databases = () => worker.get(DatabasesService);
  const view = () => worker.get(DatabaseReader).get(caller, id);
  const row = () => worker.db.database.findUniqueOrThrow({ where: { id } });
  const ask = (query: string, read_only = true) =>
    worker.get(DatabaseToolsService).query(caller, id, { query, read_only, timeout: 30, limit: 1000 });
  const count = async () => (await ask(fixture.count)).rows[0]?.[0];
  /** Like a deployment: the service's variables with their references resolved. */
  const linked = async () => {
    const reference = (field: string) => `\${{${kind}-main.${field}}}`;
    const wanted = {
      URL: 'URL',
      HOST: 'HOST',
      PORT: 'PORT',
      USER_NAME: 'USER',
      PASSWORD: 'PASSWORD',
      DATABASE: 'DATABASE',
    };
    const variables = Object.fromEntries(Object.entries(wanted).map(([key, field]) => [key, reference(field)]));
    return (await resolveReferences(worker.db, worker.get(SecretBox), projectId, variables)).variables;
  };
  const facts = async () => {
    const instance = worker.get(DatabaseContainers).instanceOf(await row());
    const handle = await runtime.find(instance.name, { installation: await worker.get(Installation).id() });
    const command = engine.compare(instance.access);
    const told = await worker.get(DatabaseContainers).tell(handle as never, command as never, signal);
    expect([told.exitCode, told.stderr]).toEqual([0, '']);
    return tableFacts(told.stdout);
  };
  /** A test of this engine; reported as skipped when its image is not here. */
  const story = (name: string, test: () => Promise<void>) =>
    it(name, async () => {
      if (skipped) return;
      await test();
    });

  beforeAll(async () => {
    skipped = !fixture || !(await present(kind));
    if (skipped) process.stderr.write(`skipped: ${engine.name}, because the image ${image} is not on this host\n`);
  });

  story('is made and runs', async () => {
    const request = {
      name: `${kind} main`,
      type: kind,
      plan: 'hobby' as const,
      region: 'local',
      project_id: projectId,
    };
    const created = await databases().create(caller, request);
    id = created.id;
    expect([created.status, created.version]).toEqual(['building', engine.versions[0]]);
    await worker.settle();
    const made = await view();
    expect([made.status, made.error]).toEqual(['running', null]);
    expect(made.settings).toEqual(expect.objectContaining({ max_connections: 25, ssl: false, logging: false }));
  });

  story('keeps 10,000 rows, which a reader cannot change and a linked service reads', async () => {
    await ask(fixture.fill, false);
    expect(await count()).toBe('10000');
    await expect(ask(fixture.forbidden)).rejects.toMatchObject({ code: 'query_failed' });
    const link = await worker
      .get(DatabaseLinksService)
      .link(caller, id, { service_id: serviceId, prefix: `${kind.toUpperCase()}_` });
    expect(link.variable).toBe(`${kind.toUpperCase()}_${engine.variable}`);
    expect(await asService(image, fixture.client, await linked())).toBe('10000');
  });

  story('says what it holds, the same each time', async () => {
    const first = await facts();
    expect(first.reduce((sum, { rows }) => sum + rows, 0)).toBe(10_000);
    expect(await facts()).toEqual(first);
  });

  story('survives a restart, a stop and a crash', async () => {
    for (const action of ['restart', 'stop', 'start'] as const) {
      await databases().act(caller, id, action);
      await worker.settle();
      expect((await view()).status).toBe(action === 'stop' ? 'stopped' : 'running');
    }
    expect(await count()).toBe('10000');
    await docker.getContainer(containerName(await row())).remove({ force: true });
    expect((await worker.get(DatabaseReconciler).round()).healed).toEqual([id]);
    await worker.settle();
    expect(await count()).toBe('10000');
    expect((await worker.get(DatabaseReconciler).round()).healed).toEqual([]);
  });

  story('has the settings that it was given, also after a restart', async () => {
    const settings = { ...fixture.settings };
    for (const missing of engine.settings.missing) delete (settings as Record<string, unknown>)[missing];
    await databases().update(caller, id, { settings, plan: 'starter' });
    await worker.settle();
    expect((await view()).settings).toEqual(expect.objectContaining(settings));
    await databases().act(caller, id, 'restart');
    await worker.settle();
    expect((await view()).settings).toEqual(expect.objectContaining(settings));
    const { HostConfig } = await docker.getContainer(containerName(await row())).inspect();
    expect([HostConfig.NanoCpus, HostConfig.Memory]).toEqual([1e9, 2 ** 30]);
  });

  story('offers TLS with a certificate of our CA', async () => {
    if (!engine.tls) return;
    await databases().update(caller, id, { settings: { ssl: true } });
    await worker.settle();
    expect((await view()).settings.ssl).toBe(true);
    const { PORT = '', HOST = '' } = await linked();
    const authority = worker.get(Certificates).authority();
    const line = `printf '%s' "$CA" > /tmp/ca.crt; ${fixture.tls}`;
    expect(await asService(image, line, { ...(await linked()), PORT, HOST, CA: authority })).toBe('10000');
    await databases().update(caller, id, { settings: { ssl: false } });
    await worker.settle();
    expect((await view()).settings.ssl).toBe(false);
  });

  story('is measured', async () => {
    const sampler = worker.get(DatabaseSampler);
    await sampler.sample(new Date(), 0);
    await ask(fixture.count);
    const [sample] = (await sampler.sample(new Date(), 15)).filter(({ databaseId }) => databaseId === id);
    expect(sample?.cpuCores).toBeGreaterThan(0);
    expect(sample?.memoryBytes).toBeGreaterThan(2 ** 20);
    expect(sample?.storageBytes).toBeGreaterThan(10_000);
    expect(sample?.connections).toBe(0);
    const { metrics } = await view();
    expect(metrics.storage).toBe(sample?.storageBytes);
  });

  story('changes its password, to one of every sign as well', async () => {
    const before = openCredentials(worker.get(SecretBox), await row()).password;
    for (const password of [EVERY_SIGN, 'another one']) {
      await databases().rotate(caller, id, password);
      await worker.settle();
      expect(openCredentials(worker.get(SecretBox), await row()).password).toBe(password);
      expect(await asService(image, fixture.client, await linked())).toBe('10000');
    }
    expect(
      await asService(image, fixture.client, {
        ...(await linked()),
        PASSWORD: before,
        URL: engine.url({ root: '', password: before }, `${kind}-main`, false),
      }),
    ).not.toBe('10000');
  });

  story('has users and databases of its own, with every sign in their names', async () => {
    if (!engine.tenants) return;
    const tools = worker.get(DatabaseToolsService);
    const name = EVERY_SIGN.slice(1, 60);
    await tools.createUser(caller, id, name.slice(0, 30));
    await tools.createDatabase(caller, id, name);
    expect(await tools.tenants(caller, id)).toEqual({
      users: expect.arrayContaining(['app', name.slice(0, 30)]),
      databases: expect.arrayContaining(['app', name]),
    });
    await tools.dropUser(caller, id, name.slice(0, 30));
    expect((await tools.tenants(caller, id)).users).toEqual(['app']);
  });

  story('is dumped and restored into another one: the same tables, rows and checksums', async () => {
    const containers = worker.get(DatabaseContainers);
    const source = containers.instanceOf(await row());
    const other = await databases().create(caller, {
      name: `${kind} copy`,
      type: kind,
      plan: 'hobby',
      region: 'local',
      project_id: projectId,
    });
    await worker.settle();
    const target = containers.instanceOf(await worker.db.database.findUniqueOrThrow({ where: { id: other.id } }));
    const [from, to] = await Promise.all([containers.find(source.name), containers.find(target.name)]);
    const [dump, restore] = [engine.dump(source.access), engine.restore(target.access)];
    if (dump && restore) {
      const dumped = await containers.exec(from as never, dump, signal);
      const written = await containers.exec(to as never, restore, signal, dumped.stdout);
      for await (const _ of written.stdout);
      expect([await dumped.ended, await written.ended]).toEqual([
        expect.objectContaining({ exitCode: 0 }),
        expect.objectContaining({ exitCode: 0 }),
      ]);
      const before = await facts();
      const told = await containers.tell(to as never, engine.compare(target.access) as never, signal);
      expect(tableFacts(told.stdout)).toEqual(before);
    }
    await databases().remove(caller, other.id, true);
    await worker.settle();
  });

  story('is deleted, and brought back with its data', async () => {
    await expect(databases().remove(caller, id, false)).rejects.toMatchObject({ code: 'database_linked' });
    await databases().remove(caller, id, true);
    await worker.settle();
    expect(
      await runtime.find(containerName(await row()), { installation: await worker.get(Installation).id() }),
    ).toBeNull();
    await databases().undelete(caller, id);
    await worker.settle();
    expect(await count()).toBe('10000');
    await databases().remove(caller, id, false);
    await databases().purge(caller, id);
    await worker.settle();
    const volumes = await runtime.volumes.observe({ installation: await worker.get(Installation).id() });
    expect(volumes.filter(({ service }) => service === id)).toEqual([]);
  });
});
