/** Everything a developer can get wrong: a clear error, the old release keeps serving, and nothing is left behind. */
import type { DeploymentView } from '#contracts/deployments.js';
import type { ServiceView } from '#contracts/services.js';
import type { FakeFiles } from '#drivers/source/fake.js';
import { app, dockerfile, nonce } from './apps.js';
import { World } from './harness.js';
import type { Remote } from './remotes.js';
import { until } from './until.js';
import { ask, Load } from './visitors.js';

jest.setTimeout(240_000);

const HEALTHY_WITHIN = 3;
const DECIDES_WITHIN = 30_000;
let world: World;
let project: { id: string };
let remote: Remote;
let web: ServiceView;
let good: DeploymentView;

beforeAll(async () => {
  world = await World.start({ CONTAINR_BUILD_MEMORY_MB: '256', CONTAINR_BUILD_TIMEOUT_SECONDS: '15' });
  project = await world.project();
  remote = await world.remotes.create(app({ version: 'good' }));
  web = await world.service(project, {
    name: 'Web',
    source: { repository: remote.url },
    health_check_timeout: HEALTHY_WITHIN,
    stop_grace_period: 1,
  });
  good = await world.live(web);
});
afterAll(() => world?.close());

interface Failure {
  code: string;
  says: RegExp;
}

/** The old release is what it was, and the engine holds nothing of the failed attempt. */
async function untouched(failed: DeploymentView): Promise<void> {
  expect(await ask(world.httpPort, web)).toMatchObject({ version: 'good' });
  const containers = await world.things.containers();
  expect(containers.map(({ labels }) => labels['containr.deployment'])).toEqual([good.id]);
  expect(await world.things.networks()).toEqual([`containr-${project.id}`]);
  // An image that was built and then did not run is kept, on record, so that the same tree is not built again.
  const recorded = await world.query<{ image_id: string }>('SELECT image_id FROM images ORDER BY image_id');
  expect(await world.things.images()).toEqual([...new Set(recorded.map((row) => row.image_id))].sort());
  expect(await world.api.get(`/services/${web.id}`)).toMatchObject({ live_deployment_id: good.id });
  expect(failed.completed_at).toBeDefined();
}

async function fails(body: Record<string, unknown>, { code, says }: Failure): Promise<DeploymentView> {
  const load = new Load(world.httpPort, web, 10);
  const { id } = await world.deploy(web, body);
  const failed = await world.decided(id, DECIDES_WITHIN).finally(() => load.stop());
  expect(failed).toMatchObject({ status: 'failed', error_code: code, error: expect.stringMatching(says) });
  expect(load.failures).toEqual([]);
  await untouched(failed);
  return failed;
}

const broken = (...lines: string[]): FakeFiles => ({ Dockerfile: dockerfile(...lines) });
const eater = 'node -e "const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))"';

describe('what cannot be fetched', () => {
  it('unknown branch', () =>
    fails({ branch: 'nowhere' }, { code: 'branch_not_found', says: /no branch "nowhere".*It has: main/ }));
  it('unknown commit', () =>
    fails(
      { commit_hash: '1234567890123456789012345678901234567890' },
      { code: 'commit_not_found', says: /There is no commit 1234567890/ },
    ));
  it('a repository that wants a login', async () => {
    const server = await world.remotes.locked();
    const { url } = await world.remotes.create(app({ version: 'x' }), server);
    await world.api.put(`/services/${web.id}`, { source: { repository: url } });
    await fails({}, { code: 'repository_auth_required', says: /wants a login for this repository/ });
    await world.api.put(`/services/${web.id}`, { source: { repository: remote.url } });
  });
});

describe('what cannot be built', () => {
  it.each<[string, FakeFiles, Failure]>([
    [
      'nothing that is recognised',
      { 'server.txt': '' },
      { code: 'source_not_recognised', says: /Looked for: Dockerfile/ },
    ],
    ['a broken Dockerfile', broken('NONSENSE here'), { code: 'dockerfile_invalid', says: /NONSENSE/ }],
    [
      'a failing RUN',
      broken('RUN echo the reason is this && exit 7'),
      { code: 'build_failed', says: /exit code 7[\s\S]*the reason is this/ },
    ],
    [
      'a base image that cannot be had',
      { Dockerfile: 'FROM 127.0.0.1:9/nobody/none:1\n' },
      { code: 'image_unavailable', says: /127\.0\.0\.1:9\/nobody\/none:1 cannot be pulled/ },
    ],
    ['too much memory', broken(`RUN ${eater}`), { code: 'build_out_of_memory', says: /256 MiB/ }],
    ['too much time', broken(`RUN echo ${nonce()} && sleep 100`), { code: 'build_timeout', says: /15/ }],
  ])('%s', async (name, files, failure) => {
    const branch = name.replaceAll(' ', '-');
    await remote.commit(files, branch);
    await fails({ branch }, failure);
  });
});

describe('what does not run', () => {
  it.each<[string, FakeFiles, Failure]>([
    [
      'an app that exits',
      app({ version: 'x', instead: 'console.log("no database, no fun"); process.exitCode = 4;' }),
      { code: 'release_exited', says: /exit code 4[\s\S]*no database, no fun/ },
    ],
    [
      'an app that never listens',
      app({ version: 'x', instead: 'console.log("just thinking"); setInterval(() => {}, 1000);' }),
      { code: 'release_unhealthy', says: /It listens on no port[\s\S]*3000[\s\S]*just thinking/ },
    ],
    [
      'an app on another port',
      app({ version: 'x', port: '4567' }),
      { code: 'release_unhealthy', says: /It listens on port 4567, not on 3000/ },
    ],
    [
      'an app that only talks to itself',
      app({ version: 'x', port: '{ port: process.env.PORT, host: "127.0.0.1" }' }),
      { code: 'release_unhealthy', says: /127\.0\.0\.1:3000 only/ },
    ],
  ])('%s', async (name, files, failure) => {
    const branch = name.replaceAll(' ', '-');
    await remote.commit(files, branch);
    await fails({ branch }, failure);
  });
});

describe('services that never were', () => {
  const firstDeploy = async (wish: Parameters<World['service']>[1]) => {
    const service = await world.service(project, wish);
    const failed = await world.decided((await world.deploy(service)).id);
    expect(await world.api.get(`/services/${service.id}`)).toMatchObject({ status: 'failed' });
    expect(await world.things.containers(service)).toEqual([]);
    await world.api.delete(`/services/${service.id}`);
    return failed;
  };

  it('an image that cannot be had', async () => {
    const source = { type: 'image', image: '127.0.0.1:9/nobody/none:1' };
    const failed = await firstDeploy({ name: 'No image', source });
    expect(failed).toMatchObject({ status: 'failed', error_code: 'image_unavailable' });
    expect(failed.error).toContain('127.0.0.1:9/nobody/none:1');
  });

  it.each([
    ['a link out of the tree', '/etc'],
    ['a link to the folder above', '../..'],
  ])('root_directory that is %s', async (name, link) => {
    const { url } = await world.remotes.create({ 'README.md': 'x', inside: { link } });
    const failed = await firstDeploy({ name, source: { repository: url, root_directory: 'inside' } });
    expect(failed).toMatchObject({ status: 'failed', error_code: expect.stringMatching(/root_directory|path|tree/) });
    expect(failed.error).toMatch(/link/);
  });
});

describe('requests that are refused at once', () => {
  const create = async (wish: Record<string, unknown>) =>
    world.api.call('POST', `/projects/${project.id}/services`, { name: 'Refused', type: 'web', ...wish });
  afterEach(async () => {
    const names = (await world.api.get(`/projects/${project.id}/services`)).map(({ name }: ServiceView) => name);
    expect(names).not.toContain('Refused');
  });

  it.each([
    ['file:///etc', /scheme/],
    ['ssh://git@example.test/x.git', /scheme/],
    ['git@example.test:x/y.git', /ssh addresses are not supported/],
    ['ext::sh -c id', /scheme|URL/],
    ['http://user:password@127.0.0.1/x.git', /user name or password/],
    ['http://169.254.169.254/latest/meta-data', /169\.254\.169\.254/],
    ['http://127.0.0.2/x.git', /127\.0\.0\.2/],
    ['http://[::1]/x.git', /::1/],
    ['http://0x7f000002/x.git', /127\.0\.0\.2/],
  ])('repository %s', async (repository, says) => {
    const { status, body } = await create({ source: { repository } });
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringMatching(says)]);
  });

  it.each([
    [{ source: { root_directory: '../x' } }, /root_directory/],
    [{ source: { root_directory: 'a/../../x' } }, /root_directory/],
    [{ source: { root_directory: '/etc' } }, /root_directory/],
    [{ source: { dockerfile: '../../Dockerfile' } }, /dockerfile/],
    [{ resources: { memory: '-5' } }, /memory/],
    [{ resources: { cpu: '9999999' } }, /cpu/],
    [{ replicas: 0 }, /replicas/],
    [{ replicas: 1000 }, /replicas/],
    [{ name: 'x'.repeat(300) }, /name/],
    [{ name: 'a\u0007b' }, /name/],
  ])('%j', async (wish, says) => {
    const { status, body } = await create(wish);
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringMatching(says)]);
  });

  it('a bad variable name', async () => {
    for (const key of ['1st', 'WITH SPACE', 'a-b', 'CONTAINR_SERVICE_ID', '']) {
      const { status } = await world.api.call('PUT', `/services/${web.id}/variables`, { variables: { [key]: 'x' } });
      expect([key, status]).toEqual([key, 400]);
    }
  });

  it('a body of 10 MB', async () => {
    expect((await create({ name: 'x'.repeat(10 * 2 ** 20) })).status).toBe(413);
  });

  it("somebody else's ids", async () => {
    const stranger = await world.api.other('stranger@example.test');
    const asked: [string, string, unknown?][] = [
      ['GET', `/projects/${project.id}`],
      ['GET', `/services/${web.id}`],
      ['GET', `/services/${web.id}/variables`],
      ['DELETE', `/services/${web.id}`],
      ['POST', `/services/${web.id}/deployments`, {}],
      ['POST', `/services/${web.id}/action`, { action: 'stop' }],
      ['GET', `/deployments/${good.id}`],
      ['POST', `/deployments/${good.id}/rollback`],
      ['POST', `/deployments/${good.id}/cancel`],
    ];
    for (const [method, path, body] of asked)
      expect([path, (await stranger.call(method, path, body)).status]).toEqual([path, 404]);
  });
});

it('takes a name with emoji', async () => {
  const service = await world.service(project, { name: '🚀 Größe 中文' });
  expect(service.name).toBe('🚀 Größe 中文');
  expect(new URL(service.url ?? '').hostname).toMatch(/^[a-z0-9-]+\.apps\.localhost$/);
  await world.api.delete(`/services/${service.id}`);
});

describe('several at once', () => {
  const slow = (text: string) => app({ version: text, build: [`RUN echo ${nonce()} && sleep 4`] });

  it('the second waits, the third supersedes the second', async () => {
    const { url } = await world.remotes.create(slow('first'));
    const service = await world.service(project, { name: 'Queue', source: { repository: url }, stop_grace_period: 1 });
    const first = await world.deploy(service);
    await world.when(first.id, ({ status }) => status === 'building');
    const second = await world.deploy(service);
    expect((await world.deployment(second.id)).status).toBe('pending');
    const third = await world.deploy(service);
    expect((await world.deployment(second.id)).status).toBe('superseded');
    expect(await world.deployment(third.id)).toMatchObject({ status: 'pending' });
    expect((await world.deployment(first.id)).status).toBe('building');
    await world.settled(third.id);
    expect((await world.deployment(first.id)).status).toBe('superseded');
    expect((await world.deployment(second.id)).started_at).toBeUndefined();
    expect(await world.things.containers(service)).toHaveLength(1);
    await world.api.delete(`/services/${service.id}`);
    await until(async () => (await world.things.containers(service)).length === 0, { what: 'removal', within: 60_000 });
  });

  it.each([
    ['building', app({ version: 'x', build: [`RUN echo ${nonce()} && sleep 60`] })],
    ['deploying', app({ version: 'x', listensAfter: 60_000 })],
  ])('cancel while %s', async (status, files) => {
    await remote.commit(files, `slow-${status}`);
    const { id } = await world.deploy(web, { branch: `slow-${status}` });
    await world.when(id, (deployment) => deployment.status === status);
    await world.api.post(`/deployments/${id}/cancel`);
    const cancelled = await world.when(id, (deployment) => deployment.status === 'cancelled', 10_000);
    expect(cancelled).toMatchObject({ error_code: 'cancelled', error: expect.stringMatching(/cancelled/i) });
    await untouched(cancelled);
    expect((await world.api.call('POST', `/deployments/${id}/cancel`)).body.code).toBe('deployment_finished');
  });
});
