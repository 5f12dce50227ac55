/** Services, variables and volumes through the API, on a real database. */
import { type TestApi, type TestUser, testApi } from '../../../test/factories/api.js';

let api: TestApi;
let owner: TestUser;
let stranger: TestUser;
let projectId: string;

beforeAll(async () => {
  api = await testApi();
  owner = await api.user();
  stranger = await api.user();
});
afterAll(() => api.close());
beforeEach(async () => {
  projectId = (await api.request('POST', '/projects', { as: owner, body: { name: 'P' } })).json().id;
});

const create = (body: object, as = owner) =>
  api.request('POST', `/projects/${projectId}/services`, { as, body: { name: 'web', type: 'web', ...body } });
const created = async (body: object = {}) => (await create(body)).json();

it('creates a web service with a URL and a git remote of its own', async () => {
  const answer = await create({ health_check_path: '/health', replicas: 2 });
  expect(answer.statusCode).toBe(201);
  const service = answer.json();
  expect(service).toMatchObject({
    status: 'stopped',
    replicas: 2,
    health_check_path: '/health',
    live_deployment_id: null,
    internal_host: 'web',
  });
  expect(service.url).toMatch(/^http:\/\/web-[0-9a-f]{8}\.apps\.localhost:8000$/);
  expect(service.git_url).toMatch(new RegExp(`/git/${service.id}\\.git$`));
  const list = (await api.request('GET', `/projects/${projectId}/services`, { as: owner })).json();
  expect(list.map(({ id }: { id: string }) => id)).toEqual([service.id]);
});

it.each([
  ['service_name_taken', 409, { name: 'WEB!' }],
  ['url_refused', 400, { name: 'a', source: { repository: 'http://127.0.0.1/r.git' } }],
  ['url_refused', 400, { name: 'a', source: { repository: 'http://169.254.169.254/r.git' } }],
  ['validation_failed', 400, { name: 'a', source: { repository: 'ext::sh -c id' } }],
  ['validation_failed', 400, { name: 'a', replicas: 1000 }],
  ['service_type_unsupported', 400, { name: 'a', type: 'database' }],
  ['schedule_required', 400, { name: 'a', type: 'cron' }],
])('refuses with %s and leaves nothing', async (code, status, body) => {
  await created();
  const answer = await create(body);
  expect([answer.statusCode, answer.json().code]).toEqual([status, code]);
  expect((await api.request('GET', `/projects/${projectId}/services`, { as: owner })).json()).toHaveLength(1);
});

it('changes only what is given', async () => {
  const { id } = await created({ port: 4000, drain_timeout: 5 });
  const answer = await api.request('PUT', `/services/${id}`, {
    as: owner,
    body: { name: 'Other name', stop_grace_period: 1 },
  });
  expect(answer.json()).toMatchObject({
    name: 'Other name',
    internal_host: 'other-name',
    port: 4000,
    drain_timeout: 5,
    stop_grace_period: 1,
  });
});

it('never shows a secret again, keeps it when its mask is written back, and stores it encrypted', async () => {
  const { id } = await created();
  const put = (variables: object) =>
    api.request('PUT', `/services/${id}/variables`, { as: owner, body: { variables } });
  await put({ PLAIN: 'visible', KEY: { value: 'very secret value', secret: true } });
  const shown = await api.request('GET', `/services/${id}/variables`, { as: owner });
  expect(shown.body).not.toContain('very secret value');
  expect(shown.json().variables).toMatchObject([
    { key: 'KEY', value: '********', secret: true },
    { key: 'PLAIN', value: 'visible', secret: false },
  ]);
  const stored = () =>
    api.database.query<{ value: string }>('SELECT value FROM variables WHERE key = $1 AND service_id = $2', [
      'KEY',
      id,
    ]);
  const [before] = await stored();
  await put({ KEY: { value: '********', secret: true } });
  const [after] = await stored();
  expect(after?.value).toBe(before?.value);
  expect(after?.value).toMatch(/^v1\./);
  expect((await api.request('GET', `/services/${id}/variables`, { as: owner })).json().variables).toHaveLength(1);
});

it.each([['1A'], ['A-B'], ['A B'], [''], ['CONTAINR_X']])('refuses the variable name %j', async (key) => {
  const { id } = await created();
  const answer = await api.request('PUT', `/services/${id}/variables`, {
    as: owner,
    body: { variables: { [key]: 'x' } },
  });
  expect([answer.statusCode, answer.json().code]).toEqual([400, 'validation_failed']);
});

it('keeps volumes as tombstones, attaches them again by name, and deletes only detached ones', async () => {
  const volumes = [{ name: 'data', mount_path: '/data' }];
  const { id, volumes: mounted } = await created({ volumes });
  const list = async () =>
    (await api.request('GET', '/volumes', { as: owner }))
      .json()
      .volumes.filter((volume: { service_id: string }) => volume.service_id === id);
  expect(await list()).toMatchObject([{ name: 'data', status: 'attached' }]);
  const purge = () => api.request('DELETE', `/volumes/${mounted[0].id}`, { as: owner });
  expect((await purge()).json().code).toBe('volume_attached');
  await api.request('PUT', `/services/${id}`, { as: owner, body: { volumes: [] } });
  expect(await list()).toMatchObject([{ status: 'detached' }]);
  const again = await api.request('PUT', `/services/${id}`, { as: owner, body: { volumes } });
  expect(again.json().volumes[0].id).toBe(mounted[0].id);
  expect((await api.request('DELETE', `/services/${id}`, { as: owner })).statusCode).toBe(204);
  expect(await list()).toMatchObject([{ status: 'detached' }]);
  expect((await api.request('DELETE', `/volumes/${mounted[0].id}`, { as: stranger })).statusCode).toBe(404);
  expect((await purge()).statusCode).toBe(204);
  expect(await list()).toEqual([]);
});

it('is gone after it is deleted, and its name is free again', async () => {
  const { id } = await created();
  expect((await api.request('DELETE', `/services/${id}`, { as: owner })).statusCode).toBe(204);
  expect((await api.request('GET', `/services/${id}`, { as: owner })).statusCode).toBe(404);
  expect((await create({})).statusCode).toBe(201);
});

it('deleting a project deletes its services in the same moment', async () => {
  const { id } = await created();
  expect((await api.request('DELETE', `/projects/${projectId}`, { as: owner })).statusCode).toBe(204);
  expect((await api.request('GET', `/services/${id}`, { as: owner })).statusCode).toBe(404);
  const runs = await api.database.query('SELECT workflow FROM runs WHERE subject_id = $1', [id]);
  expect(runs).toEqual([{ workflow: 'service-delete' }]);
});
