/** Builds as a user meets them: an app without a Dockerfile goes live; a build by itself is pushed to a registry; one is cancelled. */
import { readdirSync, readFileSync } from 'node:fs';
import { LOGIN, startRegistry, type TestRegistry } from '#drivers/runtime/testing/registry.js';
import { SAMPLES } from '#features/builds/testing/samples.js';
import { app, nonce } from './apps.js';
import { World } from './harness.js';
import { until } from './until.js';
import { visit } from './visitors.js';

jest.setTimeout(300_000);

let world: World;
let project: { id: string };
let registry: TestRegistry;
beforeAll(async () => {
  registry = await startRegistry();
  // One slot: the second build has to wait for the first.
  world = await World.start({ CONTAINR_BUILD_CONCURRENCY: '1' });
  project = await world.project();
});
afterAll(async () => {
  await world?.close();
  await registry?.close();
});

const ended = (id: string) =>
  until(
    async () => {
      const build = await world.api.get(`/builds/${id}`);
      return ['pending', 'running'].includes(build.status) ? null : build;
    },
    { what: 'the end of the build', within: 120_000 },
  );

it.each([
  ['an Express starter', 'express', /^express: built/],
  ['a plain page', 'page', /<h1>page/],
  ['a member of a workspace', 'workspace', /^web uses shared/],
] as const)('%s goes live without a Dockerfile', async (name, sample, expected) => {
  const { files, folder } = { folder: '', ...SAMPLES[sample] };
  const { url } = await world.remotes.create(files);
  const service = await world.service(project, { name, source: { repository: url, root_directory: folder } });
  const deployment = await world.live(service);
  expect(deployment.build_log).toContain('recognised as');
  expect((await visit(world.httpPort, service)).text).toMatch(expected);
  const build = await world.api.get(`/builds/${deployment.id}`);
  expect(build).toMatchObject({ status: 'success', progress: 100, metadata: { build_type: 'detected' } });
  expect(build.size).toBeGreaterThan(1_000_000);
});

it('says what was looked for when nothing is recognised', async () => {
  const { url } = await world.remotes.create({ 'notes.txt': 'x' });
  const service = await world.service(project, { name: 'Notes', source: { repository: url } });
  const deployment = await world.decided((await world.deploy(service)).id);
  expect(deployment).toMatchObject({ status: 'failed', error_code: 'source_not_recognised' });
  expect(deployment.error).toMatch(/package\.json.*index\.html/);
});

it('builds a commit and pushes it to a registry with a login', async () => {
  const { url } = await world.remotes.create(app({ version: 'one' }));
  const service = await world.service(project, { name: 'Pushed', source: { repository: url } });
  const wish = { service_id: service.id, image_name: 'team/app', image_tag: 'v1', registry_url: registry.host };
  const refused = await ended((await world.api.post('/builds', wish)).id);
  expect(refused).toMatchObject({ status: 'failed', metadata: { error_code: 'push_refused' } });
  await world.api.post('/registry-credentials', { registry: registry.host, ...LOGIN });
  const build = await ended((await world.api.post('/builds', wish)).id);
  expect(build).toMatchObject({ status: 'success', metadata: { image_ref: `${registry.host}/team/app:v1` } });
  expect(build.metadata.digest).toMatch(/^sha256:/);
  const deployed = await world.service(project, {
    name: 'Pulled',
    source: { type: 'image', image: `${registry.host}/team/app:v1` },
  });
  await world.live(deployed);
  expect((await visit(world.httpPort, deployed)).text).toContain('"version":"one"');
  // The build belongs to nobody who would remove its image.
  await world.things.docker.getImage(`containr/${project.id}/team/app:v1`).remove({ force: true });
});

it('ends a running build within seconds, leaves nothing of it, and the next in the line gets its slot', async () => {
  const mark = `sleep 91${Math.floor(Math.random() * 1e6)}`;
  const endless = await buildable('Endless', `RUN echo ${nonce()}\nRUN ${mark}`);
  const next = await buildable('Next', `LABEL nonce=${nonce()}`);
  const before = await leavings();
  const { id } = await world.api.post('/builds', { service_id: endless.id, image_name: 'endless', image_tag: 'v1' });
  await until(() => processes(mark) > 0, { what: 'the step to run', within: 120_000 });
  // Progress is stored a moment after it was made.
  const seen = async () => (await world.api.get(`/builds/${id}`)).progress > 0;
  await until(seen, { what: 'progress', within: 60_000 });
  const waiting = await world.api.post('/builds', { service_id: next.id, image_name: 'next', image_tag: 'v1' });
  const inLine = async () => (await world.api.get(`/builds/${waiting.id}`)).metadata.queue_position === '1';
  await until(inLine, { what: 'the second build to wait', within: 60_000 });
  expect((await world.api.get(`/builds/${id}`)).status).toBe('running');

  await world.api.post(`/builds/${id}/cancel`);
  const answered = performance.now();
  await until(() => processes(mark) === 0, { what: 'the step to be gone', within: 10_000, every: 10 });
  process.stdout.write(`cancel answered -> step gone: ${Math.round(performance.now() - answered)} ms\n`);

  expect(await ended(id)).toMatchObject({ status: 'cancelled', metadata: { error_code: 'cancelled' } });
  const image = `containr/${project.id}/endless:v1`;
  await expect(world.things.docker.getImage(image).inspect()).rejects.toMatchObject({ statusCode: 404 });
  expect(await ended(waiting.id)).toMatchObject({ status: 'success' });
  expect(await world.query("SELECT id FROM builds WHERE status IN ('pending', 'running')")).toEqual([]);
  await world.things.docker.getImage(`containr/${project.id}/next:v1`).remove({ force: true });
  expect(await leavings()).toEqual(before);
});

/** A service whose Dockerfile ends with these lines. */
async function buildable(name: string, lines: string) {
  const { url } = await world.remotes.create({ Dockerfile: `FROM node:20-bookworm-slim\n${lines}\n` });
  return world.service(project, { name, source: { repository: url } });
}

/** Images and containers of the installation. */
async function leavings() {
  const ids = (await world.things.containers()).map((container) => container.id).sort();
  return { images: await world.things.images(), containers: ids };
}

/** How many processes have this text in their command. */
function processes(text: string): number {
  const commands = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(commandOf);
  return commands.filter((command) => command.includes(text)).length;
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // It ended meanwhile.
  }
}
