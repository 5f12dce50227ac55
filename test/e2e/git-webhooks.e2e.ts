/** The whole way: `git push` at the git provider -> its webhook -> build -> the new answer of the live service; one story per provider. */

import type { ServiceView } from '#contracts/services.js';
import { PROVIDER_KINDS } from '#drivers/git-providers/port.js';
import { type StandIns, startGitProviders } from '../git-providers/index.js';
import { app, nonce } from './apps.js';
import { World } from './harness.js';
import { until } from './until.js';
import { ask } from './visitors.js';

jest.setTimeout(240_000);

let world: World;
let providers: StandIns;
let project: { id: string };
beforeAll(async () => {
  providers = await startGitProviders();
  world = await World.start();
  project = await world.project();
});
afterAll(async () => {
  await world?.close();
  await providers?.close();
});

it.each(PROVIDER_KINDS)('%s: a push is live', async (kind) => {
  const standIn = providers[kind];
  const account = standIn.user(`dev-${kind}`);
  const build = [`RUN echo ${nonce()}`];
  const repository = await standIn.createRepo(`${account.login}/app`, { files: app({ version: 'one', build }) });
  const credentials = {
    access_token: account.token,
    base_url: standIn.baseUrl,
    ...(kind === 'bitbucket' ? { username: account.email } : {}),
  };
  const provider = await world.api.post('/git/providers', { type: kind, name: kind, ...credentials });
  const source = { repository: repository.cloneUrl, provider_id: provider.id, branch: 'main' };
  const service: ServiceView = await world.service(project, { name: `By ${kind}`, source, stop_grace_period: 1 });
  await world.live(service);
  expect(await ask(world.httpPort, service)).toMatchObject({ version: 'one' });
  const webhook = () => world.api.get(`/services/${service.id}/webhook`);
  await until(async () => (await webhook()).status === 'active', { what: 'the hook at the provider', within: 60_000 });

  const commit = await repository.push(app({ version: 'two', build }));
  const answers = async () => (await ask(world.httpPort, service)).version === 'two';
  await until(answers, { what: 'the pushed version', within: 120_000 });
  const { deployments } = await world.api.get(`/services/${service.id}/deployments`);
  expect(deployments[0]).toMatchObject({ trigger: 'webhook', commit_hash: commit, branch: 'main' });
  expect(deployments).toHaveLength(2);
  await standIn.settled();
  const told = standIn.deliveries.filter(({ hook }) => repository.hooks.includes(hook));
  expect(told.length).toBeGreaterThan(0);
  for (const { status } of told) expect([200, 202]).toContain(status);
});
