/** The main story: code goes live, changes without a lost request, goes back, stops, runs on a schedule, keeps its data, and goes away. */
import type { DeploymentView } from '#contracts/deployments.js';
import type { ServiceView } from '#contracts/services.js';
import { app, dockerfile, nonce } from './apps.js';
import { World } from './harness.js';
import type { Remote } from './remotes.js';
import { until } from './until.js';
import { ask, Load, visit } from './visitors.js';

jest.setTimeout(240_000);

let world: World;
let project: { id: string };
beforeAll(async () => {
  world = await World.start();
  project = await world.project();
});
afterAll(() => world?.close());

const serviceNow = (service: { id: string }): Promise<ServiceView> => world.api.get(`/services/${service.id}`);
const run = async (wish: Parameters<World['service']>[1]) => {
  const service = await world.service(project, wish);
  return { service, deployment: await world.live(service) };
};

describe('a web service from a git repository', () => {
  const id = nonce();
  const secret = `secret-${id}`;
  const build = [`RUN echo ${id}`, 'ARG TOKEN', 'RUN echo "built with $TOKEN"'];
  let remote: Remote;
  let web: ServiceView;
  let first: DeploymentView;
  let second: DeploymentView;

  it('goes live', async () => {
    remote = await world.remotes.create(app({ version: 'one', build }));
    web = await world.service(project, { name: 'Web', source: { repository: remote.url }, stop_grace_period: 5 });
    await world.api.put(`/services/${web.id}/variables`, {
      variables: { GREETING: 'hello', TOKEN: { value: secret, secret: true } },
    });
    first = await world.live(web);
    expect(await ask(world.httpPort, web)).toEqual({ version: 'one', replica: '0', greeting: 'hello', token: secret });
    expect(await serviceNow(web)).toMatchObject({ status: 'running', live_deployment_id: first.id });
  });

  it('shows secrets to nobody but the app', async () => {
    const { variables } = await world.api.get(`/services/${web.id}/variables`);
    expect(variables).toContainEqual(expect.objectContaining({ key: 'TOKEN', value: '********', secret: true }));
    expect(variables).toContainEqual(expect.objectContaining({ key: 'GREETING', value: 'hello', secret: false }));
    expect(first.build_log).toMatch(/built with \*+/);
    expect(first.build_log).not.toContain(secret);
  });

  it('changes one line under load without one failed request', async () => {
    await remote.commit(app({ version: 'two', build }));
    await world.api.put(`/services/${web.id}/variables`, { variables: { GREETING: 'hi' } });
    const load = new Load(world.httpPort, web);
    second = await world.settled((await world.deploy(web)).id).finally(() => load.stop());
    expect(load.failures).toEqual([]);
    expect(load.answers.at(0)).toContain('"version":"one"');
    expect(load.answers.at(-1)).toContain('"version":"two"');
    expect(await world.deployment(first.id)).toMatchObject({ status: 'superseded' });
    expect(await world.things.containers(web)).toHaveLength(1);
  });

  it('does not build a tree again that is already an image', async () => {
    await remote.commit(app({ version: 'two', build }));
    const before = await world.things.images();
    const again = await world.live(web);
    expect(again.build_log).toContain(`This tree was built before: using ${second.image_name}:${second.image_tag}`);
    expect(again.commit_hash).not.toBe(second.commit_hash);
    expect(again.image_tag).toBe(second.image_tag);
    expect(await world.things.images()).toEqual(before);
    await world.settled(again.id);
  });

  it('goes back to an older image and its variables', async () => {
    const load = new Load(world.httpPort, web);
    const { deployment } = await world.api.post(`/deployments/${first.id}/rollback`);
    const back = await world.settled(deployment.id).finally(() => load.stop());
    expect(load.failures).toEqual([]);
    expect(back).toMatchObject({ trigger: 'rollback', rollback_of: first.id, image_tag: first.image_tag });
    expect(back.steps?.map(({ name }) => name)).not.toContain('image.build');
    expect(await ask(world.httpPort, web)).toMatchObject({ version: 'one', greeting: 'hello', token: secret });
  });

  it('runs replicas behind one route', async () => {
    await world.api.put(`/services/${web.id}`, { replicas: 2 });
    const { id: deployment } = await world.deploy(web);
    await world.settled(deployment);
    const replicas = new Set<string>();
    for (let i = 0; i < 20; i++) replicas.add((await ask(world.httpPort, web)).replica);
    expect([...replicas].sort()).toEqual(['0', '1']);
    expect(await world.things.containers(web)).toHaveLength(2);
  });

  it('stops, starts and restarts', async () => {
    await world.api.post(`/services/${web.id}/action`, { action: 'stop' });
    await until(async () => (await world.things.containers(web)).length === 0, { what: 'the stop', within: 60_000 });
    expect((await visit(world.httpPort, web)).status).toBe(503);
    expect(await serviceNow(web)).toMatchObject({ status: 'stopped' });
    for (const action of ['start', 'restart']) {
      const { deployment_id } = await world.api.post(`/services/${web.id}/action`, { action });
      await world.settled(deployment_id);
      expect(await ask(world.httpPort, web)).toMatchObject({ version: 'two', greeting: 'hi' });
    }
    expect(await serviceNow(web)).toMatchObject({ status: 'running' });
  });
});

it('runs a prebuilt image', async () => {
  const { service } = await run({ name: 'Image', source: { type: 'image', image: 'nginx:1.22' } });
  expect((await visit(world.httpPort, service)).text).toContain('nginx');
});

it('runs a worker without a route', async () => {
  const { service } = await run({
    name: 'Worker',
    type: 'worker',
    source: { type: 'image', image: 'debian:bookworm-slim' },
    build_config: { start_command: 'echo working hard; exec sleep infinity' },
    stop_signal: 'SIGKILL',
  });
  expect(service.url).toBeNull();
  expect(await serviceNow(service)).toMatchObject({ status: 'running' });
  const { logs } = await world.api.get(`/services/${service.id}/logs?tail=5`);
  expect(logs.map(({ message }: { message: string }) => message)).toEqual(['working hard']);
});

it('runs a cron service and keeps its history', async () => {
  const { service } = await run({
    name: 'Cron',
    type: 'cron',
    schedule: '0 0 1 1 *',
    source: { type: 'image', image: 'debian:bookworm-slim' },
    // The shell of the container expands it.
    build_config: { start_command: 'echo counting; exit $CODE' },
  });
  const execute = async () => {
    const { id } = await world.api.post(`/services/${service.id}/executions`);
    const look = async () => {
      const { executions } = await world.api.get(`/services/${service.id}/executions`);
      const one = executions.find((execution: { id: string }) => execution.id === id);
      return ['pending', 'running'].includes(one.status) ? null : one;
    };
    return until(look, { what: 'the execution to end', within: 60_000 });
  };
  expect(await execute()).toMatchObject({ status: 'succeeded', exit_code: 0, trigger: 'manual' });
  await world.api.put(`/services/${service.id}/variables`, { variables: { CODE: '3' } });
  await world.live(service);
  const failed = await execute();
  expect(failed).toMatchObject({ status: 'failed', exit_code: 3 });
  expect(failed.output).toContain('counting');
  const { executions } = await world.api.get(`/services/${service.id}/executions`);
  expect(executions.map(({ exit_code }: { exit_code: number }) => exit_code)).toEqual([3, 0]);
  await until(async () => (await world.things.containers(service)).length === 0, {
    what: 'the job containers to go',
    within: 30_000,
  });
});

it('keeps the data of a named volume, also after its service is gone', async () => {
  const counter = {
    Dockerfile: dockerfile('COPY server.js .', 'CMD ["node", "server.js"]'),
    'server.js': `
      const fs = require('node:fs');
      fs.appendFileSync('/data/starts', 'x');
      const server = require('node:http').createServer((_, response) => response.end(fs.readFileSync('/data/starts')));
      server.listen(process.env.PORT);
      process.on('SIGTERM', () => process.exit(0));`,
  };
  const { url } = await world.remotes.create(counter);
  const { service, deployment } = await run({
    name: 'Counter',
    source: { repository: url },
    volumes: [{ name: 'data', mount_path: '/data' }],
  });
  await world.settled(deployment.id);
  expect((await visit(world.httpPort, service)).text).toBe('x');
  await world.settled((await world.deploy(service)).id);
  expect((await visit(world.httpPort, service)).text).toBe('xx');

  await world.api.delete(`/services/${service.id}`);
  await until(async () => (await world.things.containers(service)).length === 0, { what: 'removal', within: 60_000 });
  expect((await visit(world.httpPort, service)).status).toBe(404);
  const { volumes } = await world.api.get('/volumes');
  expect(volumes).toMatchObject([{ name: 'data', status: 'detached', service_id: service.id }]);
  expect(await world.things.volumes()).toHaveLength(1);
  await world.api.delete(`/volumes/${volumes[0].id}`);
  await until(async () => (await world.things.volumes()).length === 0, { what: 'the purge', within: 60_000 });
});

it.each([
  ['building', { version: 'one', build: [`RUN echo ${nonce()} && sleep 30`] }],
  ['deploying', { version: 'one', listensAfter: 30_000 }],
] as const)('deletes a project in the middle of a deploy (%s)', async (status, wish) => {
  const other = await world.project('Short-lived');
  const { url } = await world.remotes.create(app({ ...wish, build: [...('build' in wish ? wish.build : [])] }));
  const service = await world.service(other, { name: 'Web', source: { repository: url } });
  const { id } = await world.deploy(service);
  const before = (await world.things.networks()).length;
  await world.when(id, (deployment) => deployment.status === status);
  await world.api.delete(`/projects/${other.id}`);
  expect((await world.api.call('GET', `/deployments/${id}`)).status).toBe(404);
  const look = async () => {
    const open = await world.query("SELECT 1 FROM runs WHERE status IN ('queued', 'running', 'undoing', 'stuck')");
    const images = await world.query('SELECT 1 FROM images WHERE service_id = $1', [service.id]);
    return open.length + images.length + (await world.things.containers(service)).length === 0;
  };
  await until(look, { what: 'everything to be gone', within: 60_000 });
  expect((await world.things.networks()).length).toBeLessThanOrEqual(before);
});
