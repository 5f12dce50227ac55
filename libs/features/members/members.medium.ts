import { randomUUID } from 'node:crypto';
import { type TestApi, type TestUser, testApi } from '../../../test/factories/api.js';

let api: TestApi;
let ann: TestUser;
let ben: TestUser;
let project: string;

beforeAll(async () => {
  api = await testApi();
});
afterAll(() => api?.close());
beforeEach(async () => {
  [ann, ben] = [await api.user(), await api.user()];
  project = (await call('POST', '/projects', ann, { name: 'P' })).json().id;
});

const call = (method: string, url: string, as: TestUser, body?: object) => api.request(method, url, { as, body });
const invite = (email: string, role = 'developer', as = ann) =>
  call('POST', `/projects/${project}/invitations`, as, { email, role });
const accept = (token: string, as = ben) => call('POST', '/invitations/accept', as, { token });
const join = async (user: TestUser, role: string) => accept((await invite(user.email, role)).json().token, user);
const member = (user: TestUser) => `/projects/${project}/members/${user.id}`;
const codeOf = async (answer: ReturnType<typeof call>) => {
  const { statusCode, body } = await answer;
  return body ? `${statusCode} ${JSON.parse(body).code ?? ''}`.trim() : String(statusCode);
};
const read = async (as: TestUser) => (await call('GET', `/projects/${project}`, as)).json();

describe('an invitation', () => {
  it('makes a member of the person it is for, once', async () => {
    const answer = await invite(` ${ben.email.toUpperCase()} `);
    expect(answer.statusCode).toBe(201);
    const { token, ...rest } = answer.json();
    expect(rest).toMatchObject({ project_id: project, email: ben.email, role: 'developer', invited_by: ann.id });
    expect(Date.parse(rest.expires_at) - Date.parse(rest.created_at)).toBeGreaterThan(6.9 * 86_400_000);
    const [row] = await api.database.query('SELECT * FROM invitations WHERE id = $1', [rest.id]);
    expect(JSON.stringify(row)).not.toContain(token);
    expect((await call('GET', `/projects/${project}/invitations`, ann)).json().invitations).toEqual([rest]);

    expect((await call('GET', `/projects/${project}`, ben)).statusCode).toBe(404);
    expect((await accept(token)).json()).toEqual({ project_id: project, role: 'developer' });
    expect(await read(ben)).toMatchObject({ name: 'P', role: 'developer', owner_id: ann.id });
    const { projects, pagination } = (await call('GET', '/projects', ben)).json();
    expect([projects.length, pagination.total, projects[0].role]).toEqual([1, 1, 'developer']);
    expect(await codeOf(accept(token))).toBe('404 invitation_not_found');
    expect((await call('GET', `/projects/${project}/invitations`, ann)).json().invitations).toEqual([]);
  });

  it('is used once, however many try at the same time', async () => {
    const { token } = (await invite(ben.email)).json();
    const answers = await Promise.all(Array.from({ length: 8 }, () => accept(token)));
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200, 404]));
  });

  it('is for one address', async () => {
    const { token } = (await invite('somebody@example.com')).json();
    expect(await codeOf(accept(token))).toBe('403 invitation_for_another_address');
    expect((await call('GET', `/projects/${project}`, ben)).statusCode).toBe(404);
  });

  it('is void once revoked, replaced, expired, or when its project is gone', async () => {
    const [first, second] = [(await invite(ben.email)).json(), (await invite(ben.email, 'viewer')).json()];
    expect(await codeOf(accept(first.token))).toBe('404 invitation_not_found');
    const address = `/projects/${project}/invitations/${second.id}`;
    expect(await codeOf(call('DELETE', address, ann))).toBe('204');
    expect(await codeOf(call('DELETE', address, ann))).toBe('404 invitation_not_found');
    expect(await codeOf(accept(second.token))).toBe('404 invitation_not_found');
    const third = (await invite(ben.email)).json();
    await api.database.query(`UPDATE invitations SET expires_at = now() - interval '1 s' WHERE id = $1`, [third.id]);
    expect(await codeOf(accept(third.token))).toBe('404 invitation_not_found');
    const fourth = (await invite(ben.email)).json();
    await call('DELETE', `/projects/${project}`, ann);
    expect(await codeOf(accept(fourth.token))).toBe('404 invitation_not_found');
  });

  it('is not for people who are in the project', async () => {
    await join(ben, 'viewer');
    expect(await codeOf(invite(ben.email))).toBe('409 already_member');
    expect(await codeOf(invite(ann.email))).toBe('409 already_member');
  });

  it('of somebody who is no admin any more is void', async () => {
    await join(ben, 'admin');
    const [cem, dan] = [await api.user(), await api.user()];
    const { token } = (await invite(cem.email, 'viewer', ben)).json();
    await call('PUT', member(ben), ann, { role: 'developer' });
    expect(await codeOf(accept(token, cem))).toBe('404 invitation_not_found');
    await call('PUT', member(ben), ann, { role: 'admin' });
    const again = (await invite(dan.email, 'viewer', ben)).json();
    await call('DELETE', member(ben), ann);
    expect(await codeOf(accept(again.token, dan))).toBe('404 invitation_not_found');
  });

  it.each([
    [{ email: 'x', role: 'viewer' }],
    [{ email: 'a@example.com', role: 'owner' }],
    [{ email: 'a@example.com', role: 'viewer', expires_in_hours: 721 }],
  ])('refuses %j', async (body) => {
    expect(await codeOf(call('POST', `/projects/${project}/invitations`, ann, body))).toBe('400 validation_failed');
  });
});

describe('members', () => {
  it('are listed, the owner first', async () => {
    await join(ben, 'viewer');
    const { members } = (await call('GET', `/projects/${project}/members`, ben)).json();
    expect(members.map((one: { user_id: string; role: string }) => [one.user_id, one.role])).toEqual([
      [ann.id, 'owner'],
      [ben.id, 'viewer'],
    ]);
  });

  it('get another role at once, and are told which one they lack', async () => {
    await join(ben, 'viewer');
    const create = () => call('POST', `/projects/${project}/services`, ben, { name: 'web', type: 'web' });
    expect((await create()).json()).toEqual({
      code: 'role_too_low',
      error: 'This needs the role developer in the project: ask its owner or an admin.',
      details: { needed: 'developer' },
    });
    expect((await call('PUT', member(ben), ann, { role: 'developer' })).json()).toMatchObject({ role: 'developer' });
    expect((await create()).statusCode).toBe(201);
    expect(await codeOf(call('DELETE', `/projects/${project}`, ben))).toBe('403 role_too_low');
  });

  it('are removed, and may leave', async () => {
    const cem = await api.user();
    for (const user of [ben, cem]) await join(user, 'viewer');
    expect(await codeOf(call('DELETE', member(cem), ben))).toBe('403 role_too_low');
    expect(await codeOf(call('DELETE', member(ben), ben))).toBe('204');
    expect((await call('GET', `/projects/${project}`, ben)).statusCode).toBe(404);
    expect(await codeOf(call('DELETE', member(cem), ann))).toBe('204');
    expect(await codeOf(call('DELETE', member(cem), ann))).toBe('404 member_not_found');
    expect(await codeOf(call('DELETE', `/projects/${project}/members/${randomUUID()}`, ann))).toBe(
      '404 member_not_found',
    );
  });

  it('cannot touch the owner; only the owner hands the project over, and stays as an admin', async () => {
    const cem = await api.user();
    await join(ben, 'admin');
    await join(cem, 'viewer');
    expect(await codeOf(call('PUT', member(ann), ben, { role: 'viewer' }))).toBe('409 owner_stays');
    expect(await codeOf(call('DELETE', member(ann), ben))).toBe('409 owner_stays');
    expect(await codeOf(call('DELETE', member(ann), ann))).toBe('409 owner_stays');
    expect(await codeOf(call('PUT', member(ben), ben, { role: 'owner' }))).toBe('403 role_too_low');
    expect(await codeOf(call('PUT', `/projects/${project}/members/${randomUUID()}`, ann, { role: 'owner' }))).toBe(
      '404 member_not_found',
    );
    expect(await codeOf(call('PUT', member(cem), ann, { role: 'owner' }))).toBe('200');
    expect([(await read(cem)).role, (await read(ann)).role]).toEqual(['owner', 'admin']);
    expect(await read(ben)).toMatchObject({ role: 'admin', owner_id: cem.id });
    expect((await call('GET', '/projects', ann)).json().pagination.total).toBe(1);
    expect(await codeOf(call('DELETE', `/projects/${project}`, ann))).toBe('403 role_too_low');
  });

  it('leave a trace in the audit log of the owner', async () => {
    await join(ben, 'viewer');
    await call('PUT', member(ben), ann, { role: 'admin' });
    await call('DELETE', member(ben), ann);
    const rows = await api.database.query<{ what: string }>(
      `SELECT resource || ' ' || action AS what FROM audit_logs WHERE project_id = $1 AND resource IN ('member', 'invitation')
       AND tenant_id = $2 ORDER BY seq`,
      [project, ann.id],
    );
    expect(rows.map(({ what }) => what)).toEqual([
      'invitation create',
      'invitation accept',
      'member update',
      'member delete',
    ]);
  });
});

it('variables are shown to those who may change them; everybody else sees their names', async () => {
  const { id } = (await call('POST', `/projects/${project}/services`, ann, { name: 'web', type: 'web' })).json();
  const address = `/services/${id}/variables`;
  await call('PUT', address, ann, { variables: { URL: 'plain', KEY: { value: 'secret', secret: true } } });
  const seen = async (as: TestUser | string) =>
    Object.fromEntries(
      (await api.request('GET', address, { as }))
        .json()
        .variables.map((one: { key: string; value: string }) => [one.key, one.value]),
    );
  const token = async (scope: string) =>
    (await call('POST', '/user/tokens', ann, { name: 't', scopes: [scope] })).json().token;
  const [masked, open] = [
    { URL: '********', KEY: '********' },
    { URL: 'plain', KEY: '********' },
  ];
  await join(ben, 'viewer');
  expect(await seen(ann)).toEqual(open);
  expect(await seen(ben)).toEqual(masked);
  expect(await seen(await token('deploy'))).toEqual(masked);
  expect(await seen(await token('write'))).toEqual(open);
  await call('PUT', member(ben), ann, { role: 'developer' });
  expect(await seen(ben)).toEqual(open);
  // What was read masked and is written back keeps its value.
  await call('PUT', address, ann, { variables: { URL: '********', KEY: '********' } });
  expect(await seen(ann)).toEqual(open);
});

it('lists own and shared projects as one, newest first, in pages and when searching', async () => {
  const insert = `INSERT INTO projects (id, owner_id, name, created_at, updated_at)
    SELECT gen_random_uuid(), $1, $2 || n, now() + n * interval '2 s' + $3 * interval '1 s', now() FROM generate_series(1, 10) n`;
  await api.database.query(insert, [ben.id, 'own ', 0]);
  await api.database.query(insert, [ann.id, 'shared ', 1]);
  await api.database.query(
    `INSERT INTO project_members (project_id, user_id, role) SELECT id, $1, 'viewer' FROM projects WHERE owner_id = $2 AND name LIKE 'shared %'`,
    [ben.id, ann.id],
  );
  const list = async (query: Record<string, string>) =>
    (await api.request('GET', '/projects', { as: ben, query })).json();
  const names: string[] = [];
  for (const page of ['1', '2', '3']) {
    const { projects, pagination } = await list({ page, limit: '7' });
    expect(pagination.total).toBe(20);
    names.push(...projects.map(({ name }: { name: string }) => name));
  }
  expect(names).toEqual(Array.from({ length: 10 }, (_, n) => [`shared ${10 - n}`, `own ${10 - n}`]).flat());
  expect((await list({ search: 'SHARED', limit: '3' })).pagination.total).toBe(10);
});
