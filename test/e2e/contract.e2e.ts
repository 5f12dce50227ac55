/**
 * Every operation of the contract on a running platform: each is called at least once with success and at least once with an error, and
 * every answer is held against the contract. The stories elsewhere say whether the answers are true; here it is about their form.
 */
import { randomUUID } from 'node:crypto';
import { type ContractOperation, contract, LATER, operationsOf, violations } from '../contract/contract.js';
import { type StandInAccount, type StandIns, startGitProviders } from '../git-providers/index.js';
import { app, nonce } from './apps.js';
import { World } from './harness.js';
import { until } from './until.js';

jest.setTimeout(240_000);

const operations = operationsOf(contract).filter(({ path }) => !LATER(path));
const PASSWORD = 'correct horse battery staple';

let world: World;
let base: string;
let ids: Record<string, string>;
let standIns: StandIns;
let account: StandInAccount;

beforeAll(async () => {
  standIns = await startGitProviders();
  account = standIns.github.user('octo');
  await standIns.github.createRepo('octo/app', { files: { a: '1' } });
  world = await World.start();
  base = `http://127.0.0.1:${world.platform.settings.ports.api}/api/v1`;
  const project = await world.project();
  const remote = await world.remotes.create(app({ version: 'one', build: [`RUN echo ${nonce()}`] }));
  const service = await world.service(project, { name: 'web', source: { repository: remote.url } });
  const first = await world.live(service);
  await remote.commit(app({ version: 'two', build: [`RUN echo ${nonce()}`] }));
  await world.settled((await world.live(service)).id);
  ids = { project: project.id, service: service.id, deployment: first.id };
});
afterAll(async () => {
  await world?.close();
  await standIns?.close();
});

interface Call {
  /** Beside the ids in the path. */
  query?: string;
  body?: unknown;
  path?: Record<string, string>;
  as?: 'nobody';
}

const build = { build_type: 'prebuilt', prebuilt_image: 'nginx:1.22', image_name: 'copy', image_tag: '1' };
const someone = () => ({ email: `${randomUUID()}@example.test`, password: PASSWORD, name: 'Somebody' });
const none = () => ({ id: randomUUID(), project_id: randomUUID() });
const ofProject = () => ({ id: ids.project ?? '', project_id: ids.project ?? '' });
const ofService = () => ({ id: ids.service ?? '' });
const ofDeployment = () => ({ id: ids.deployment ?? '' });
const ofDatabase = () => ({ id: ids.database ?? '' });
const runningDatabase = async () => {
  await until(async () => (await world.api.get(`/databases/${ids.database}`)).status === 'running', {
    what: async () =>
      `a running database, but it is ${JSON.stringify(await world.api.get(`/databases/${ids.database}`))}`,
    within: 120_000,
    every: 200,
  });
  return ofDatabase();
};
const completedBackup = async (): Promise<string> => {
  const newest = async () => (await world.api.get(`/databases/${ids.database}/backups`)).backups[0];
  await until(async () => (await newest())?.status === 'completed', {
    what: async () => `a completed backup, but it is ${JSON.stringify(await newest())}`,
    within: 120_000,
  });
  return (await newest()).id;
};
const ofBuild = () => ({ id: ids.build ?? '' });
const newProject = async () => ({ id: (await world.project('Short-lived')).id });
const newService = async () => ({
  id: (await world.service({ id: ids.project ?? '' }, { name: `s${Date.now()}` })).id,
});

/** Success first, then errors; in the order in which they are called. */
const CALLS: Record<string, [() => Call | Promise<Call>, ...(() => Call | Promise<Call>)[]]> = {
  'GET /health': [() => ({})],
  'POST /auth/register': [() => ({ body: someone() }), () => ({ body: { email: 'no' } })],
  'POST /auth/login': [
    () => ({ body: { email: 'owner@example.test', password: PASSWORD } }),
    () => ({ body: { email: 'owner@example.test', password: 'wrong password' } }),
    () => ({ body: {} }),
  ],
  'GET /user/profile': [() => ({}), () => ({ as: 'nobody' })],
  'PUT /user/profile': [() => ({ body: { name: 'Owner' } }), () => ({ body: { email: 'no' } })],
  'GET /projects': [() => ({ query: '?page=1&limit=5&search=Story' }), () => ({ query: '?page=0' })],
  'POST /projects': [() => ({ body: { name: 'Another', description: 'one' } }), () => ({ body: {} })],
  'GET /projects/{id}': [() => ({ path: ofProject() }), () => ({ path: none() })],
  'PUT /projects/{id}': [() => ({ path: ofProject(), body: { name: 'Story' } }), () => ({ path: none(), body: {} })],
  'DELETE /projects/{id}': [async () => ({ path: await newProject() }), () => ({ path: none() })],
  'GET /projects/{project_id}/services': [() => ({ path: ofProject() }), () => ({ path: none() })],
  'POST /projects/{project_id}/services': [
    () => ({
      path: ofProject(),
      body: { name: 'second', type: 'worker', source: { type: 'image', image: 'nginx:1.22' } },
    }),
    () => ({ path: ofProject(), body: { name: 'x', type: 'submarine' } }),
  ],
  'GET /services/{id}': [() => ({ path: ofService() }), () => ({ path: none() })],
  'PUT /services/{id}': [
    () => ({ path: ofService(), body: { name: 'web', resources: { memory: '256Mi' } } }),
    () => ({ path: ofService(), body: { resources: { cpu: '-1' } } }),
  ],
  'DELETE /services/{id}': [async () => ({ path: await newService() }), () => ({ path: none() })],
  'GET /services/{id}/deployments': [() => ({ path: ofService() }), () => ({ path: none() })],
  'POST /services/{id}/deployments': [
    () => ({ path: ofService(), body: { trigger: 'restart' } }),
    () => ({ path: ofService(), body: { branch: '../x' } }),
  ],
  'GET /deployments/{id}': [() => ({ path: ofDeployment() }), () => ({ path: none() })],
  'POST /deployments/{id}/rollback': [() => ({ path: ofDeployment() }), () => ({ path: none() })],
  'GET /services/{id}/logs': [() => ({ path: ofService(), query: '?tail=5' }), () => ({ path: none() })],
  'GET /deployments/{id}/logs': [
    () => ({ path: ofDeployment(), query: '?type=all' }),
    () => ({ path: ofDeployment(), query: '?type=other' }),
  ],
  'GET /git/providers': [() => ({}), () => ({ as: 'nobody' })],
  'POST /git/providers': [
    () => ({ body: { type: 'github', access_token: account.token, base_url: standIns.github.baseUrl } }),
    () => ({ body: { type: 'github', access_token: 'wrong', base_url: standIns.github.baseUrl } }),
  ],
  'GET /git/providers/{providerId}/repositories': [
    () => ({ path: { providerId: ids.provider ?? '' }, query: '?page=1&limit=5&search=app' }),
    () => ({ path: { providerId: randomUUID() } }),
  ],
  'POST /builds': [() => ({ body: { ...build, project_id: ids.project } }), () => ({ body: { image_name: 'a b' } })],
  'GET /builds': [
    () => ({ query: `?project_id=${ids.project}&page=1&limit=100` }),
    () => ({ query: '?status=asleep' }),
  ],
  'GET /builds/{id}': [() => ({ path: ofBuild() }), () => ({ path: none() })],
  'GET /builds/{id}/logs': [() => ({ path: ofBuild() }), () => ({ path: none() })],
  'POST /builds/{id}/cancel': [
    async () => ({ path: { id: (await world.api.post('/builds', { ...build, image_tag: '2' })).id } }),
    () => ({ path: none() }),
  ],
  'GET /templates': [() => ({ query: '?category=databases' }), () => ({ as: 'nobody' })],
  'GET /templates/{id}': [() => ({ path: { id: 'nginx' } }), () => ({ path: { id: 'nothing-like-it' } })],
  'POST /templates/{id}/deploy': [
    () => ({ path: { id: 'nginx' }, body: { project_id: ids.project, name: 'from-template' } }),
    () => ({ path: { id: 'nginx' }, body: {} }),
  ],
  'GET /databases': [() => ({}), () => ({ as: 'nobody' })],
  'POST /databases': [
    () => ({ body: { name: 'cache', type: 'redis', plan: 'hobby', region: 'local' } }),
    () => ({ body: { name: 'cache', type: 'redis', plan: 'hobby', region: 'nowhere' } }),
    () => ({ body: { name: 'cache' } }),
  ],
  'GET /databases/{id}': [async () => ({ path: await runningDatabase() }), () => ({ path: none() })],
  'PUT /databases/{id}': [
    () => ({ path: ofDatabase(), body: { name: 'fast cache', plan: 'starter' } }),
    () => ({ path: none(), body: { name: 'x' } }),
    () => ({ path: ofDatabase(), body: { plan: 'free' } }),
  ],
  'POST /databases/{id}/action': [
    () => ({ path: ofDatabase(), body: { action: 'restart' } }),
    () => ({ path: ofDatabase(), body: { action: 'explode' } }),
  ],
  'POST /databases/{id}/backup': [async () => ({ path: await runningDatabase() }), () => ({ path: none() })],
  'POST /databases/{id}/restore': [
    async () => ({ path: await runningDatabase(), body: { backup_id: await completedBackup() } }),
    () => ({ path: none(), body: { backup_id: 'x' } }),
    () => ({ path: ofDatabase(), body: {} }),
  ],
  'DELETE /databases/{id}': [async () => ({ path: await runningDatabase() }), () => ({ path: none() })],
  'GET /audit-logs': [
    () => ({ query: '?resource=service&action=create&page=1&limit=5' }),
    () => ({ query: '?limit=1000' }),
  ],
  'GET /audit-logs/{resource}/{id}': [
    () => ({ path: { resource: 'service', id: ids.service ?? '' } }),
    () => ({ path: { resource: 'service', id: randomUUID() } }),
  ],
};

async function call({ method, path }: ContractOperation, wish: Call) {
  const url = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(wish.path?.[name] ?? 'missing'));
  const response = await fetch(base + url + (wish.query ?? ''), {
    method,
    headers: {
      ...(wish.as === 'nobody' ? {} : { authorization: `Bearer ${world.api.token}` }),
      ...(wish.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(wish.body === undefined ? {} : { body: JSON.stringify(wish.body) }),
  });
  const text = await response.text();
  const contentType = response.headers.get('content-type') ?? '';
  const body = contentType.startsWith('application/json') ? JSON.parse(text) : text;
  return { status: response.status, contentType, body };
}

it('nothing of the contract is left out', () => {
  expect(Object.keys(CALLS).sort()).toEqual(operations.map(({ name }) => name).sort());
});

// In the order of CALLS: a build must be there before it is read.
it.each(Object.keys(CALLS))('%s', async (name) => {
  const operation = operations.find((one) => one.name === name) as ContractOperation;
  const [success, ...errors] = CALLS[name] ?? [() => ({})];
  const good = await call(operation, await success());
  expect([good.status < 300, violations(operation, good), good.status < 300 ? '' : good.body]).toEqual([true, [], '']);
  if (name === 'POST /databases') ids.database = (good.body as { id: string }).id;
  if (name === 'POST /git/providers') ids.provider = (good.body as { id: string }).id;
  if (name === 'POST /builds') ids.build = (good.body as { id: string }).id;
  for (const error of errors) {
    const bad = await call(operation, await error());
    expect([bad.status >= 400 && bad.status < 500, violations(operation, bad)]).toEqual([true, []]);
  }
});
