/** Parts of the platform die, lose their memory or are tampered with, and every story still ends as it should. */
import http from 'node:http';
import path from 'node:path';
import { Redis } from 'ioredis';
import type { DeploymentView } from '#contracts/deployments.js';
import type { ServiceView } from '#contracts/services.js';
import { app, nonce } from './apps.js';
import { World } from './harness.js';
import type { Remote } from './remotes.js';
import { until } from './until.js';
import { ask, Load, visit } from './visitors.js';

jest.setTimeout(240_000);

const CONTINUES_WITHIN = 10_000;
const HEALS_WITHIN = 30_000;

let world: World;
let project: { id: string };
let remote: Remote;
let web: ServiceView;
let load: Load | null = null;

beforeAll(async () => {
  world = await World.start();
  project = await world.project();
  remote = await world.remotes.create(app({ version: 'start' }));
  web = await world.service(project, { name: 'Web', source: { repository: remote.url }, stop_grace_period: 8 });
  await world.live(web);
});
afterEach(() => load?.stop());
afterAll(() => world?.close());

const stepIs = (deployment: DeploymentView, name: string, status: string): boolean =>
  deployment.steps?.find((step) => step.name === name)?.status === status;

const attemptOf = async (id: string): Promise<number> => {
  const rows = await world.query<{ attempt: number }>('SELECT attempt FROM runs WHERE subject_id = $1', [id]);
  return rows[0]?.attempt ?? 0;
};

/** Kills the worker and insists that somebody goes on with the deployment in time. */
async function killDuring(id: string, step: string): Promise<void> {
  await world.when(id, (deployment) => stepIs(deployment, step, 'running'), 40_000);
  const before = await attemptOf(id);
  world.kill('worker');
  const goesOn = async () => (await attemptOf(id)) > before;
  await until(goesOn, { what: `${step} to be taken over`, within: CONTINUES_WITHIN });
}

/** One release and nothing else: whatever died in between was cleaned up. */
async function onlyRelease(service: { id: string }, deployment: { id: string }): Promise<void> {
  const containers = await world.things.containers(service);
  expect(containers.map(({ labels, state }) => [labels['containr.deployment'], state])).toEqual([
    [deployment.id, 'running'],
  ]);
}

describe('kill -9 of the worker', () => {
  it('in every step of one deployment, without a failed request', async () => {
    // The release that is replaced holds a request open and lingers, so that its drain and its end can be seen.
    await remote.commit(app({ version: 'old', lingers: 4000 }));
    await world.settled((await world.deploy(web)).id);
    load = new Load(world.httpPort, web);
    const hold = holdRequests();
    await remote.commit(app({ version: 'new', build: [`RUN echo ${nonce()} && sleep 4`], listensAfter: 3000 }));
    const { id } = await world.deploy(web);
    await killDuring(id, 'source.fetch');
    hold.release();
    await killDuring(id, 'image.build');
    await killDuring(id, 'release.await');
    const open = visit(world.httpPort, web, '/slow');
    await killDuring(id, 'release.drain');
    await killDuring(id, 'release.retire');
    const done = await world.settled(id);
    await load.stop();
    expect(done.status).toBe('running');
    expect(load.failures).toEqual([]);
    expect((await open).status).toBe(200);
    expect(await ask(world.httpPort, web)).toMatchObject({ version: 'new' });
    await onlyRelease(web, done);
  });

  it('while a failed deployment is being cleaned up', async () => {
    await remote.commit(app({ version: 'broken', listensAfter: 60_000, lingers: 60_000 }), 'broken');
    await world.api.put(`/services/${web.id}`, { health_check_timeout: 3 });
    const live = await world.api.get(`/services/${web.id}`);
    const { id } = await world.deploy(web, { branch: 'broken' });
    await killDuring(id, 'release.await');
    const failed = await world.decided(id);
    expect(failed).toMatchObject({ status: 'failed', error_code: 'release_unhealthy' });
    await onlyRelease(web, { id: live.live_deployment_id });
    await world.api.put(`/services/${web.id}`, { health_check_timeout: 60 });
  });
});

/** Answers of the git server wait until they are released. */
function holdRequests() {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  world.remotes.server.options.before = () => released;
  return { release };
}

it('kill -9 of the API during a deployment', async () => {
  await remote.commit(app({ version: 'api', build: [`RUN echo ${nonce()} && sleep 2`] }));
  const { id } = await world.deploy(web);
  await world.when(id, ({ status }) => status === 'building');
  world.kill('api');
  const look = async () => (await world.decided(id).catch(() => null))?.status === 'running'; // not up again yet
  await until(look, { what: 'the API to come back', within: 30_000 });
  await world.settled(id);
  expect(await ask(world.httpPort, web)).toMatchObject({ version: 'api' });
});

it('Redis loses everything while a deployment waits', async () => {
  await remote.commit(app({ version: 'slow', build: [`RUN echo ${nonce()} && sleep 3`] }), 'slow');
  await remote.commit(app({ version: 'after' }), 'after');
  const slow = await world.deploy(web, { branch: 'slow' });
  await world.when(slow.id, ({ status }) => status === 'building');
  const waiting = await world.deploy(web, { branch: 'after' });
  const redis = new Redis(world.platform.redisUrl);
  await redis.flushall();
  await redis.quit();
  expect((await world.deployment(waiting.id)).status).toBe('pending');
  await world.settled(waiting.id);
  expect(await ask(world.httpPort, web)).toMatchObject({ version: 'after' });
  expect((await world.deployment(slow.id)).status).toBe('superseded');
});

describe('somebody changes what runs', () => {
  const answers = async () => (await visit(world.httpPort, web).catch(() => null))?.status === 200;

  it('a container removed by hand comes back', async () => {
    const [before] = await world.things.containers(web);
    await world.things.docker.getContainer(before?.id ?? '').remove({ force: true });
    const healed = async () => {
      const [now] = await world.things.containers(web);
      return now && now.id !== before?.id && now.state === 'running' && (await answers());
    };
    await until(healed, { what: 'the container to be replaced', within: HEALS_WITHIN });
  });

  it('a container stopped by hand comes back', async () => {
    const [before] = await world.things.containers(web);
    await world.things.docker.getContainer(before?.id ?? '').stop({ t: 0 });
    await until(answers, { what: 'the container to run again', within: HEALS_WITHIN });
  });

  it('Caddy emptied by its admin API gets its routes back', async () => {
    expect(await emptyCaddy()).toBe(200);
    expect(await answers()).toBe(false);
    await until(answers, { what: 'the route to be back', within: HEALS_WITHIN });
  });

  it('an orphan with our label is removed', async () => {
    const labels = {
      'containr.installation': world.things.installation,
      'containr.service': '00000000-0000-4000-8000-000000000000',
      'containr.role': 'release',
    };
    const orphan = await stranger(labels);
    const gone = async () => (await world.things.containers()).every(({ id }) => id !== orphan.id);
    await until(gone, { what: 'the orphan to be removed', within: HEALS_WITHIN });
  });

  it('containers of others are left alone', async () => {
    const others = [
      await stranger({}),
      await stranger({ 'containr.installation': '00000000-0000-4000-8000-000000000001', 'containr.role': 'release' }),
    ];
    try {
      const [own] = await world.things.containers(web);
      await world.things.docker.getContainer(own?.id ?? '').remove({ force: true });
      const replaced = async () => {
        const [now] = await world.things.containers(web);
        return now && now.id !== own?.id && (await answers());
      };
      await until(replaced, { what: 'a whole round of healing', within: HEALS_WITHIN });
      for (const other of others) expect((await other.inspect()).State.Running).toBe(true);
    } finally {
      for (const other of others) await other.remove({ force: true });
    }
  });
});

async function stranger(labels: Record<string, string>) {
  const container = await world.things.docker.createContainer({
    name: `stranger-${nonce()}`,
    Image: 'debian:bookworm-slim',
    Cmd: ['sleep', '600'],
    Labels: labels,
  });
  await container.start();
  return container;
}

/** As `caddy reload` with an empty file would: only the admin endpoint stays. @returns status */
function emptyCaddy(): Promise<number> {
  const socketPath = path.join(world.dir, 'data/run/caddy.sock');
  const config = JSON.stringify({ admin: { listen: `unix/${socketPath}`, origins: ['', '127.0.0.1'] } });
  const headers = { host: '127.0.0.1', 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath, method: 'POST', path: '/load', headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject).end(config);
  });
}
