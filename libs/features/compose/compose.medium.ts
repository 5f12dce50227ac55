/** Importing compose files through the API, on a real database. */
import { type TestApi, type TestUser, testApi } from '../../../test/factories/api.js';

let api: TestApi;
let owner: TestUser;
let projectId: string;

beforeAll(async () => {
  api = await testApi();
  owner = await api.user();
});
afterAll(() => api?.close());
beforeEach(async () => {
  projectId = (await api.request('POST', '/projects', { as: owner, body: { name: 'P' } })).json().id;
});

const FILE = `
services:
  web:
    image: nginx:1.22
    ports: ["8080:80"]
    environment: { DATABASE_URL: "postgres://\${DB_USER:-app}@db/app", API_TOKEN: t }
    depends_on: [db]
    privileged: true
  db:
    image: postgres:17.4
    volumes: ["data:/var/lib/postgresql/data"]
volumes:
  data:
`;
const importFile = (body: object, as = owner) =>
  api.request('POST', `/projects/${projectId}/import/compose`, { as, body: { compose: FILE, ...body } });
const services = async () => (await api.request('GET', `/projects/${projectId}/services`, { as: owner })).json();

it('makes services with variables, volumes and deployments in order, and says what it left out', async () => {
  const answer = await importFile({ variables: { DB_USER: 'me' } });
  expect(answer.statusCode).toBe(201);
  const made = answer.json();
  expect(made.order).toEqual(['db', 'web']);
  expect(made.report.map(({ path, action }: { path: string; action: string }) => [path, action])).toEqual([
    ['services.web.ports[0]', 'changed'],
    ['services.web.privileged', 'refused'],
    ['services.db', 'changed'],
  ]);
  const [db, web] = await services();
  expect([db.internal_host, db.type, db.port, web.type, web.port]).toEqual(['db', 'worker', 5432, 'web', 80]);
  expect(db.volumes).toMatchObject([{ name: 'data' }]);
  const { variables } = (await api.request('GET', `/services/${web.id}/variables`, { as: owner })).json();
  expect(variables).toMatchObject([
    { key: 'API_TOKEN', value: '********' },
    { key: 'DATABASE_URL', value: 'postgres://me@db/app' },
  ]);
  expect(made.services.every(({ deployment_id }: { deployment_id: string }) => deployment_id)).toBe(true);
});

it('makes a database that needs nothing else a managed one, with its password', async () => {
  const compose = FILE.replace(
    '    volumes: ["data:/var/lib/postgresql/data"]',
    '    environment: { POSTGRES_USER: app, POSTGRES_PASSWORD: "as it is written" }',
  );
  const made = (await importFile({ compose })).json();
  expect(made.services).toMatchObject([
    { key: 'db', kind: 'database', type: null, service_id: null, deployment_id: null, variables: [] },
    { key: 'web', kind: 'service', database_id: null },
  ]);
  expect(JSON.stringify(made)).not.toContain('as it is written');
  const database = (await api.request('GET', `/databases/${made.services[0].database_id}`, { as: owner })).json();
  expect(database).toMatchObject({ host: 'db', version: '17.4', project_id: projectId });
  expect(database.connection_url).toContain('app:as%20it%20is%20written@db');
});

it('makes nothing on a dry run', async () => {
  const { dry_run, services: planned, message } = (await importFile({ dry_run: true })).json();
  expect([dry_run, planned.length, planned[0].service_id]).toEqual([true, 2, null]);
  expect(message).toContain('Would create 2 parts');
  expect(await services()).toEqual([]);
});

it('makes nothing when one name is taken', async () => {
  const body = { name: 'web', type: 'worker', source: { type: 'image', image: 'nginx:1.22' } };
  await api.request('POST', `/projects/${projectId}/services`, { as: owner, body });
  for (const answer of [await importFile({}), await importFile({ dry_run: true })])
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'service_name_taken']);
  expect(await services()).toHaveLength(1);
});

it.each([
  ['no YAML', { compose: 'a: [' }, 'compose_invalid'],
  ['no text', { compose: '' }, 'validation_failed'],
  ['too much text', { compose: '#'.repeat(128 * 1024 + 1) }, 'validation_failed'],
  [
    'a repository of the platform itself',
    { compose: 'services: {a: {build: .}}', repository: 'http://127.0.0.1/a.git' },
    'url_refused',
  ],
])('refuses %s', async (_what, body, code) => {
  const answer = await importFile(body);
  expect([answer.statusCode, answer.json().code]).toEqual([400, code]);
  expect(await services()).toEqual([]);
});

it('is closed to strangers', async () => {
  expect((await importFile({}, await api.user())).json().code).toBe('project_not_found');
});
