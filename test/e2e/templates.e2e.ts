/** Templates go live: one of one service, one of two that refer to each other. */
import type { DeploymentView } from '#contracts/deployments.js';
import { World } from './harness.js';
import { until } from './until.js';
import { visit } from './visitors.js';

jest.setTimeout(240_000);

let world: World;
let project: { id: string };
beforeAll(async () => {
  world = await World.start();
  project = await world.project();
});
afterAll(() => world?.close());

const deploy = (template: string, name: string, variables = {}) =>
  world.api.post(`/templates/${template}/deploy`, { project_id: project.id, name, variables });

/** @throws Error with what the deployment said, unless it is live. */
const live = async (id: string): Promise<DeploymentView> => {
  const deployment = await world.decided(id, 120_000);
  if (deployment.status !== 'running') throw new Error(`${deployment.status}: ${deployment.error}`);
  return deployment;
};

it('nginx serves its page', async () => {
  const { service_id, services } = await deploy('nginx', 'Pages');
  await live(services[0].deployment_id);
  const page = await visit(world.httpPort, await world.api.get(`/services/${service_id}`));
  expect([page.status, page.text]).toEqual([200, expect.stringMatching(/nginx/i)]);
});

it('a page and its API share a secret, and the page starts after the API is live', async () => {
  const { service_id, services } = await deploy('node-python-starter', 'Greeter', {
    GREETING: 'two parts, one secret',
  });
  const [api, web] = services;
  expect([api.key, web.key]).toEqual(['api', 'web']);
  const page = await live(web.deployment_id);
  const first = await live(api.deployment_id);
  const started = (page.steps ?? []).find(({ name }) => name === 'release.start')?.started_at as string;
  expect(Date.parse(started)).toBeGreaterThanOrEqual(Date.parse(first.completed_at as string));
  const site = await world.api.get(`/services/${service_id}`);
  expect((await visit(world.httpPort, site)).text).toBe('two parts, one secret\n');
  expect((await world.api.get(`/services/${api.service_id}`)).url).toBeNull();
});

it('a page counts in a managed database, and starts after the database is up', async () => {
  const made = await deploy('node-redis-starter', 'Counter');
  const [db, web] = made.services;
  expect([db.kind, db.service_id, web.service_id]).toEqual(['database', null, made.service_id]);
  await live(web.deployment_id);
  const database = await world.api.get(`/databases/${db.database_id}`);
  expect(database).toMatchObject({ status: 'running', type: 'redis', host: 'counter-db' });
  expect(database.links).toEqual([{ service_id: web.service_id, variable: 'REDIS_URL' }]);
  const site = await world.api.get(`/services/${web.service_id}`);
  const visits = async () => Number.parseInt((await visit(world.httpPort, site)).text, 10);
  const first = await visits();
  expect(await visits()).toBe(first + 1);
});

it.each(['node-starter', 'python-starter'])('%s serves its greeting', async (template) => {
  const { service_id, services } = await deploy(template, template, { GREETING: `from ${template}` });
  await live(services[0].deployment_id);
  const page = await visit(world.httpPort, await world.api.get(`/services/${service_id}`));
  expect([page.status, page.text]).toEqual([200, expect.stringContaining(`from ${template}`)]);
});

it.each([
  ['postgresql', 'SELECT 40 + 2 AS answer', '42'],
  ['mariadb', 'SELECT 40 + 2 AS answer', '42'],
  ['redis', 'TYPE nothing', 'none'],
])('%s is a managed database that answers', async (template, query, answer) => {
  const [{ database_id: id }] = (await deploy(template, `own-${template}`)).services;
  const status = async () => (await world.api.get(`/databases/${id}`)).status;
  await until(async () => (await status()) === 'running', { what: `the database of ${template}`, within: 120_000 });
  expect(JSON.stringify(await world.api.post(`/databases/${id}/query`, { query }))).toContain(answer);
});

it('a compose file goes live, without what would break isolation', async () => {
  const compose = `
services:
  front:
    image: node:20-bookworm-slim
    command: ["node", "-e", "require('http').createServer(async (q, r) => r.end(await (await fetch('http://back:9000')).text())).listen(process.env.PORT, '0.0.0.0')"]
    ports: ["8080:3000"]
    depends_on: [back]
  back:
    image: python:3.11-slim-bookworm
    privileged: true
    command: python -m http.server 9000 --directory /data
    volumes: ["data:/data", "/etc:/host"]
volumes: { data: }
`;
  const made = await world.api.post(`/projects/${project.id}/import/compose`, { compose });
  expect(made.report.map(({ path, action }: { path: string; action: string }) => `${action} ${path}`)).toEqual([
    'changed services.front.ports[0]',
    'refused services.back.privileged',
    'refused services.back.volumes[1]',
  ]);
  expect(made.order).toEqual(['back', 'front']);
  const front = made.services.find(({ key }: { key: string }) => key === 'front');
  await live(front.deployment_id);
  const page = await visit(world.httpPort, await world.api.get(`/services/${front.service_id}`));
  expect([page.status, page.text]).toEqual([200, expect.stringContaining('Directory listing')]);
  const [back] = await world.things.containers({ id: made.services[0].service_id });
  const { HostConfig, Mounts } = await world.things.docker.getContainer(back?.id ?? '').inspect();
  expect([HostConfig.Privileged, Mounts.map(({ Type, Destination }) => [Type, Destination])]).toEqual([
    false,
    [['volume', '/data']],
  ]);
});
