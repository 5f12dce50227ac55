/** Builds on a real database with fake drivers: from the API's service to the worker's end. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildListQuery, startBuildRequest } from '#contracts/builds.js';
import { BuildLines } from '#features/logs/index.js';
import { RegistriesService } from '#features/registries/registries.service.js';
import { Bus } from '#platform/bus.js';
import { CONFIG } from '#platform/config.js';
import { Invalid } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { SecretBox } from '#platform/secrets.js';
import { Executor } from '#workflows/executor.js';
import { RunQueue } from '#workflows/run-queue.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { BuildLogText } from './build-logs.js';
import { ordinal } from './build-slots.js';
import { BuildsService } from './builds.service.js';

let folder: string;
let worker: TestWorker;
let service: Awaited<ReturnType<TestWorker['service']>>;
let builds: BuildsService;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'containr-sources-'));
  const limits = { CONTAINR_BUILD_CONCURRENCY: '1', CONTAINR_WORKER_CONCURRENCY: '2' };
  worker = await testWorker({ CONTAINR_BUILD_SOURCE_DIR: folder, ...limits });
  service = await worker.service();
  builds = new BuildsService(
    worker.db,
    worker.get(SecretBox),
    worker.get(RunQueue),
    new BuildLines(worker.db, worker.get(Bus)),
    worker.get(CONFIG as never),
  );
});
afterEach(async () => {
  await worker.close();
  rmSync(folder, { recursive: true, force: true });
});

const start = (request: Record<string, unknown>, caller: Caller = service.caller) =>
  builds.start(caller, startBuildRequest.parse({ image_name: 'team/app', image_tag: 'v1', ...request }));
const list = (query: Record<string, unknown> = {}, caller: Caller = service.caller) =>
  builds.list(caller, buildListQuery.parse(query));

async function built(request: Record<string, unknown>) {
  const { id } = await start(request);
  await worker.settle();
  return builds.detail(service.caller, id);
}

const push = (files: Record<string, string>) => worker.source.push(service.id, 'main', files);

async function until(what: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await what()); ) {
    if (Date.now() > end) throw new Error('it did not happen');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

it("builds a service's repository: image, size, arguments, labels, log", async () => {
  push({ Dockerfile: 'FROM scratch\nARG COLOUR\nRUN echo colour $COLOUR\n' });
  const request = { service_id: service.id, build_args: { COLOUR: 'blue' }, labels: { team: 'one' } };
  const view = await built(request);
  const ref = `containr/${service.projectId}/team/app:v1`;
  expect(view).toMatchObject({
    status: 'success',
    progress: 100,
    project_id: service.projectId,
    size: expect.any(Number),
  });
  expect(view.metadata).toMatchObject({
    build_type: 'dockerfile',
    image_ref: ref,
    image_id: expect.stringMatching(/^sha256:/),
  });
  expect(view.log).toContain('colour blue');
  expect(worker.builder.builds.at(-1)?.request.labels).toMatchObject({ team: 'one', 'containr.build': view.id });
});

it('recognises a source without a Dockerfile, from a folder too', async () => {
  writeFileSync(path.join(folder, 'index.html'), '<p>hi</p>');
  const view = await built({ source_path: '.' });
  expect(view).toMatchObject({ status: 'success', metadata: { build_type: 'detected', recognised: 'static files' } });
  expect(worker.builder.builds.at(-1)?.files['index.html']).toBe('<p>hi</p>');
});

it('a source that cannot be recognised, and a program that is not installed, are failures that say what to do', async () => {
  push({ 'notes.txt': 'x' });
  expect(await built({ service_id: service.id })).toMatchObject({
    status: 'failed',
    error: expect.stringContaining('Looked for:'),
    metadata: { error_code: 'source_not_recognised' },
  });
  expect(await built({ service_id: service.id, build_type: 'nixpacks' })).toMatchObject({
    status: 'failed',
    metadata: { error_code: 'builder_not_installed' },
  });
});

it('never leaves the configured folder', async () => {
  symlinkSync('/etc', path.join(folder, 'out'));
  for (const source_path of ['../', '/etc', 'out', 'nothing', '..%2f'])
    await expect(start({ source_path })).rejects.toMatchObject({ code: 'source_path_invalid', status: 400 });
  expect(await worker.db.build.count()).toBe(0);
});

it('refuses what cannot be built before anything is written', () => {
  const parse = (request: object) =>
    startBuildRequest.safeParse({ image_name: 'a', image_tag: 'b', ...request }).success;
  expect(parse({})).toBe(false);
  expect(parse({ build_type: 'prebuilt' })).toBe(false);
  expect(parse({ source_path: '.', labels: { 'containr.installation': 'x' } })).toBe(false);
  expect(parse({ source_path: '.', image_name: 'Bad Name' })).toBe(false);
  expect(parse({ source_path: '.', image_tag: '-x' })).toBe(false);
  expect(parse({ source_path: '.', registry_url: 'a/b' })).toBe(false);
  expect(parse({ source_path: '.', registry_url: 'https://127.0.0.1:5000/' })).toBe(true);
});

it('takes a prebuilt image and pushes it', async () => {
  worker.runtime.addImage('nginx:1.22');
  const view = await built({ build_type: 'prebuilt', prebuilt_image: 'nginx:1.22', registry_url: '127.0.0.1:5000' });
  expect(view).toMatchObject({
    status: 'success',
    metadata: { image_ref: '127.0.0.1:5000/team/app:v1', digest: expect.stringMatching(/^sha256:/) },
  });
  expect(worker.runtime.images.registry.has('127.0.0.1:5000/team/app:v1')).toBe(true);
});

it('takes the image back when the push fails', async () => {
  push({ Dockerfile: 'FROM scratch\n' });
  const kind = worker.registry.requireKind('build.push');
  kind.do = async () => {
    throw new Invalid('push_refused', 'No.');
  };
  const view = await built({ service_id: service.id, registry_url: '127.0.0.1:5000' });
  expect(view).toMatchObject({ status: 'failed', error: 'No.' });
  expect(await worker.runtime.images.find(`containr/${service.projectId}/team/app:v1`)).toBeNull();
});

it('is cancelled while it waits and while it builds', async () => {
  push({ Dockerfile: 'FROM scratch\nRUN sleep infinity\n' });
  const [one, two] = [await start({ service_id: service.id }), await start({ service_id: service.id })];
  const executor = worker.get(Executor);
  await executor.pump();
  const status = async (id: string) => (await builds.detail(service.caller, id)).status;
  await until(async () => (await status(one.id)) === 'running' || (await status(two.id)) === 'running');
  for (const { id } of [one, two]) await builds.cancel(service.caller, id);
  await worker.settle();
  expect([await status(one.id), await status(two.id)]).toEqual(['cancelled', 'cancelled']);
  await expect(builds.cancel(service.caller, one.id)).rejects.toMatchObject({ code: 'build_finished' });
});

it('shares the slots between projects, shows the place in the line, and lets other runs pass', async () => {
  const other = await worker.service();
  for (const each of [service, other]) worker.source.push(each.id, 'main', { Dockerfile: 'FROM scratch\n' });
  const open = worker.builder.hold();
  const greedy: string[] = [];
  for (let i = 0; i < 4; i++) greedy.push((await start({ service_id: service.id, image_tag: `v${i}` })).id);
  const executor = worker.get(Executor);
  await executor.pump();
  const places = async () => (await list()).builds.map(({ metadata }) => metadata.queue_position ?? '-').sort();
  await until(async () => (await places()).join() === '-,1,2,3');
  const modest = (await start({ service_id: other.id }, other.caller)).id;
  await executor.pump();
  const position = async () => (await builds.detail(other.caller, modest)).metadata.queue_position;
  await until(async () => (await position()) === '1');
  // The log is stored a moment after it is written.
  const told = async () =>
    (await builds.detail(other.caller, modest)).log?.includes('Waiting for a build slot: 1st') ?? false;
  await until(told);
  open();
  await worker.settle();
  const rows = await worker.db.build.findMany({ orderBy: { startedAt: 'asc' } });
  expect(rows.map(({ status }) => status)).toEqual(Array(5).fill('success'));
  expect(rows.findIndex(({ id }) => id === modest)).toBe(1);
  expect(rows.every((row, i) => i === 0 || (row.startedAt ?? 0) >= (rows[i - 1]?.completedAt ?? 0))).toBe(true);
  expect(greedy).toHaveLength(4);
});

it('shows the builds of deployments, and cancelling one cancels its deployment', async () => {
  push({ Dockerfile: 'FROM scratch\n' });
  const { id } = await worker.deployments.create(service.caller, service.id);
  await worker.settle();
  const view = await builds.detail(service.caller, id);
  expect(view).toMatchObject({ status: 'success', service_id: service.id, metadata: { deployment_id: id } });
  push({ Dockerfile: 'FROM scratch\nRUN sleep infinity\n' });
  const second = await worker.deployments.create(service.caller, service.id);
  await worker.get(Executor).pump();
  await until(async () => (await worker.db.build.count({ where: { id: second.id, status: 'running' } })) === 1);
  await builds.cancel(service.caller, second.id);
  await worker.settle();
  expect((await worker.db.deployment.findUniqueOrThrow({ where: { id: second.id } })).status).toBe('cancelled');
  expect((await builds.detail(service.caller, second.id)).status).toBe('cancelled');
});

it('lists with filters, pages and cursors, to those who may see it', async () => {
  push({ Dockerfile: 'FROM scratch\n' });
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) ids.unshift((await start({ service_id: service.id })).id);
  await worker.settle();
  const own = (await start({ build_type: 'prebuilt', prebuilt_image: 'nothere:1' })).id;
  const first = await list({ limit: 2 });
  expect(first).toMatchObject({ total: 4, page: 1, limit: 2 });
  expect(first.builds.map(({ id }) => id)).toEqual([own, ids[0]]);
  const rest = await list({ limit: 2, cursor: first.next_cursor });
  expect(rest.builds.map(({ id }) => id)).toEqual([ids[1], ids[2]]);
  expect((await list({ limit: 2, page: 2 })).builds.map(({ id }) => id)).toEqual([ids[1], ids[2]]);
  expect((await list({ status: 'success' })).total).toBe(3);
  expect((await list({ service_id: service.id, status: 'pending' })).total).toBe(0);
  expect((await list({ project_id: service.projectId })).total).toBe(3);
  const stranger = { userId: randomUUID(), isAdmin: false };
  expect((await list({}, stranger)).total).toBe(0);
  await expect(list({ project_id: service.projectId }, stranger)).rejects.toMatchObject({ status: 404 });
  for (const id of [own, ids[0] ?? ''])
    await expect(builds.detail(stranger, id)).rejects.toMatchObject({ code: 'build_not_found' });
});

it('gives the log as text, and follows it to the end of the build', async () => {
  push({ Dockerfile: 'FROM scratch\nRUN echo one\n' });
  const { id } = await start({ service_id: service.id, environment: { TOKEN: 'very-secret-value' } });
  const text = new BuildLogText(worker.db, new BuildLines(worker.db, worker.get(Bus)), worker.get(Bus));
  const following = (await text.read(service.caller, id, true)).toArray();
  await worker.settle();
  const followed = Buffer.concat(await following).toString();
  expect(followed).toContain('one\n');
  expect(Buffer.concat(await (await text.read(service.caller, id, false)).toArray()).toString()).toBe(followed);
});

it('keeps one login per registry, encrypted, and never shows its password', async () => {
  const registries = new RegistriesService(worker.db, worker.get(SecretBox));
  const login = { registry: 'registry.example.com', username: 'me', password: 'hush-hush' };
  const first = await registries.save(service.caller, login);
  const second = await registries.save(service.caller, { ...login, username: 'you' });
  expect(second).toMatchObject({ id: first.id, username: 'you' });
  expect(JSON.stringify(await registries.list(service.caller))).not.toContain('hush');
  expect(JSON.stringify(await worker.db.registryCredential.findMany())).not.toContain('hush');
  expect(
    JSON.stringify(await worker.db.auditLog.findMany(), (_k, v) => (typeof v === 'bigint' ? String(v) : v)),
  ).not.toContain('hush');
  await expect(registries.remove({ userId: randomUUID(), isAdmin: false }, first.id)).rejects.toMatchObject({
    status: 404,
  });
  await registries.remove(service.caller, first.id);
  expect((await registries.list(service.caller)).credentials).toEqual([]);
});

it.each([
  [1, '1st'],
  [2, '2nd'],
  [3, '3rd'],
  [4, '4th'],
  [11, '11th'],
  [21, '21st'],
  [112, '112th'],
])('%i is %s', (n, text) => {
  expect(ordinal(n)).toBe(text);
});
