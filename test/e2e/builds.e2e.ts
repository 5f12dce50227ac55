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
  world = await World.start();
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

it('ends a running build and leaves nothing of it', async () => {
  const mark = `sleep 91${Math.floor(Math.random() * 1e6)}`;
  const files = { Dockerfile: `FROM node:20-bookworm-slim\nRUN echo ${nonce()}\nRUN ${mark}\n` };
  const { url } = await world.remotes.create(files);
  const service = await world.service(project, { name: 'Endless', source: { repository: url } });
  const images = await world.things.images();
  const { id } = await world.api.post('/builds', { service_id: service.id, image_name: 'endless', image_tag: 'v1' });
  await until(async () => processes(mark) > 0, { what: 'the step to run', within: 120_000 });
  // Progress is stored a moment after it was made.
  const seen = async () => (await world.api.get(`/builds/${id}`)).progress > 0;
  await until(seen, { what: 'progress', within: 60_000 });
  expect((await world.api.get(`/builds/${id}`)).status).toBe('running');
  await world.api.post(`/builds/${id}/cancel`);
  const build = await ended(id);
  expect(build).toMatchObject({ status: 'cancelled', metadata: { error_code: 'cancelled' } });
  await until(async () => processes(mark) === 0, { what: 'the step to be gone', within: 30_000 });
  expect(await world.things.images()).toEqual(images);
});

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
