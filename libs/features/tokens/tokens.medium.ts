import { createHash } from 'node:crypto';
import { type TestApi, type TestUser, testApi } from '../../../test/factories/api.js';

let api: TestApi;
let ann: TestUser;
let project: string;

beforeAll(async () => {
  api = await testApi({ environment: { CONTAINR_TRUST_PROXY: 'true' } });
  await api.user();
  ann = await api.user();
  project = (await api.request('POST', '/projects', { as: ann, body: { name: 'P' } })).json().id;
});
afterAll(() => api?.close());

const create = (body: object, as: TestUser | string = ann) =>
  api.request('POST', '/user/tokens', { as, body: { name: 'ci', scopes: ['read'], ...body } });
const made = async (body: object) => (await create(body)).json() as { id: string; token: string; prefix: string };
const projects = (token: string, headers: Record<string, string> = {}) =>
  api.request('GET', '/projects', { as: token, headers });
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

it('shows a token once, stores only its hash, and lets it in', async () => {
  const answer = await create({ name: 'deploy bot', scopes: ['write', 'read', 'write'] });
  expect(answer.statusCode).toBe(201);
  const { token, ...rest } = answer.json();
  expect(token).toMatch(/^ctr_[\w-]{43}$/);
  expect(rest).toEqual({
    id: expect.any(String),
    name: 'deploy bot',
    prefix: token.slice(0, 10),
    scopes: ['read', 'write'],
    project_id: null,
    cidrs: [],
    expires_at: null,
    last_used_at: null,
    created_at: expect.any(String),
  });
  const [row] = await api.database.query<Record<string, unknown>>('SELECT * FROM api_tokens WHERE id = $1', [rest.id]);
  expect(row?.token_hash).toBe(createHash('sha256').update(token).digest('hex'));
  expect(JSON.stringify(row)).not.toContain(token);
  expect((await projects(token)).statusCode).toBe(200);
  const { tokens } = (await api.request('GET', '/user/tokens', { as: ann })).json();
  const listed = tokens.find(({ id }: { id: string }) => id === rest.id);
  expect(listed).toMatchObject({ name: 'deploy bot', last_used_at: expect.stringMatching(/:00\.000Z$/) });
  expect(listed).not.toHaveProperty('token');
});

it('leaves a trace in the audit log, without the token', async () => {
  const { id, token } = await made({});
  await api.request('DELETE', `/user/tokens/${id}`, { as: ann });
  const rows = await api.database.query<{ action: string; details: string }>(
    `SELECT action, details FROM audit_logs WHERE resource = 'token' AND resource_id = $1 ORDER BY seq`,
    [id],
  );
  expect(rows.map(({ action }) => action)).toEqual(['create', 'delete']);
  expect(JSON.stringify(rows)).not.toContain(token.slice(10));
});

it('is not written to for every request', async () => {
  const { id, token } = await made({});
  const used = async () => {
    expect((await projects(token)).statusCode).toBe(200);
    return api.database.query('SELECT last_used_at, xmin::text FROM api_tokens WHERE id = $1', [id]);
  };
  const minute = Math.floor(Date.now() / 60_000);
  const [first, second] = [await used(), await used()];
  // The minute may have ended between the two.
  if (Math.floor(Date.now() / 60_000) === minute) expect(second).toEqual(first);
});

it('is refused once deleted, at once here and within seconds elsewhere', async () => {
  const [{ id, token }, other] = [await made({}), await made({})];
  for (const one of [token, other.token]) expect((await projects(one)).statusCode).toBe(200);
  expect((await api.request('DELETE', `/user/tokens/${id}`, { as: ann })).statusCode).toBe(204);
  expect((await projects(token)).statusCode).toBe(401);
  expect((await api.request('DELETE', `/user/tokens/${id}`, { as: ann })).json().code).toBe('token_not_found');
  // As another process would.
  await api.database.query('UPDATE api_tokens SET revoked_at = now() WHERE id = $1', [other.id]);
  const deadline = Date.now() + 30_000;
  while ((await projects(other.token)).statusCode === 200) expect(Date.now()).toBeLessThan(deadline);
  expect((await projects(other.token)).json().code).toBe('unauthenticated');
});

it('expires while it is in use', async () => {
  const { token } = await made({ expires_at: new Date(Date.now() + 1500).toISOString() });
  const deadline = Date.now() + 30_000;
  while ((await projects(token)).statusCode === 200) expect(Date.now()).toBeLessThan(deadline);
  expect((await projects(token)).statusCode).toBe(401);
});

it('is good from its networks only, as far as the proxy is to be believed', async () => {
  const { token } = await made({ cidrs: ['192.0.2.0/24', '2001:db8::/32'] });
  const from = async (address: string) => (await projects(token, { 'x-forwarded-for': address })).statusCode;
  expect(await from('192.0.2.77')).toBe(200);
  expect(await from('2001:db8::5')).toBe(200);
  expect(await from('198.51.100.1')).toBe(401);
  expect(await from('nonsense')).toBe(401);
  expect((await projects(token)).statusCode).toBe(401);
});

it('is good for its project only', async () => {
  const other = (await api.request('POST', '/projects', { as: ann, body: { name: 'Q' } })).json().id;
  const { token } = await made({ scopes: ['admin'], project_id: project });
  expect((await projects(token)).json().projects.map(({ id }: { id: string }) => id)).toEqual([project]);
  expect((await projects(token)).json().pagination.total).toBe(1);
  expect((await api.request('GET', `/projects/${project}`, { as: token })).statusCode).toBe(200);
  expect((await api.request('GET', `/projects/${other}`, { as: token })).json().code).toBe('project_not_found');
  expect((await create({}, token)).json().code).toBe('token_bound_to_project');
});

it('cannot be bound to a project of others', async () => {
  const ben = await api.user();
  const answer = await create({ project_id: project }, ben);
  expect([answer.statusCode, answer.json().code]).toEqual([404, 'project_not_found']);
});

it('names the scope that is missing', async () => {
  const { token } = await made({ scopes: ['deploy'] });
  const answer = await api.request('POST', '/projects', { as: token, body: { name: 'x' } });
  expect([answer.statusCode, answer.json()]).toEqual([
    403,
    { code: 'scope_missing', error: 'This needs a token with the scope write.', details: { needed: 'write' } },
  ]);
});

it('makes no token that may do more than itself', async () => {
  const limits = { scopes: ['admin'], expires_at: inDays(2), cidrs: ['127.0.0.0/8', '192.0.2.0/24'] };
  const { token } = await made(limits);
  const within = { expires_at: inDays(1), cidrs: ['127.0.0.1'] };
  expect((await create(within, token)).statusCode).toBe(201);
  for (const more of [{ expires_at: null }, { expires_at: inDays(3) }, { cidrs: [] }, { cidrs: ['0.0.0.0/0'] }]) {
    const answer = await create({ ...within, ...more }, token);
    expect([more, answer.statusCode, answer.json().code]).toEqual([more, 403, 'token_exceeds_own']);
  }
});

it('acts as the operator only with every right', async () => {
  await api.database.query('UPDATE users SET is_admin = true WHERE id = $1', [ann.id]);
  const settings = async (body: object) => {
    const { token } = await made(body);
    return (await api.request('GET', '/settings', { as: token })).statusCode;
  };
  // New tokens each time: a known one is remembered for a few seconds, its user's rights too.
  expect(await settings({ scopes: ['admin'] })).toBe(200);
  expect(await settings({ scopes: ['write'] })).toBe(403);
  expect(await settings({ scopes: ['admin'], project_id: project })).toBe(403);
  await api.database.query('UPDATE users SET is_admin = false WHERE id = $1', [ann.id]);
});

it.each<[object, string]>([
  [{ name: '' }, 'name must not be empty'],
  [{ scopes: [] }, 'scopes must be at least 1 items'],
  [{ scopes: ['root'] }, 'scopes.0 must be one of read, deploy, write, admin'],
  [{ cidrs: ['10.0.0.0/33'] }, 'cidrs.0 must be an address or a network such as 192.0.2.0/24'],
  [{ cidrs: ['example.com'] }, 'cidrs.0 must be an address or a network such as 192.0.2.0/24'],
  [{ expires_at: '2020-01-01T00:00:00Z' }, 'expires_at must be in the future'],
  [{ expires_at: 'tomorrow' }, 'expires_at must be a time such as 2030-01-31T12:00:00Z'],
])('refuses %j', async (body, words) => {
  const answer = await create(body);
  expect([answer.statusCode, answer.json().error]).toEqual([400, words]);
});

it('refuses what only looks like a token', async () => {
  for (const token of ['ctr_', `ctr_${'A'.repeat(43)}`, `${(await made({})).token}x`])
    expect((await projects(token)).statusCode).toBe(401);
});
