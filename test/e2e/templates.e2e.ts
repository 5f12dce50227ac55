/** Templates go live: one of one service, one of two that refer to each other. */
import type { DeploymentView } from '#contracts/deployments.js';
import { World } from './harness.js';
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
  const { service_id, services } = await deploy('node-python-starter', 'Greeter', { GREETING: 'two parts, one secret' });
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
