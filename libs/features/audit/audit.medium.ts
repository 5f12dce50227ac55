/** The audit log through the API, on a real database: what is recorded, who sees it, and that a chain that was touched shows. */
import { randomUUID } from 'node:crypto';
import { type Prisma, PrismaService } from '#platform/prisma/prisma.service.js';
import { type TestApi, type TestUser, testApi } from '../../../test/factories/api.js';
import { verifyChain } from './audit.verify.js';
import { recordAudit } from './index.js';

let api: TestApi;
let db: PrismaService;

beforeAll(async () => {
  api = await testApi();
  db = api.app.get(PrismaService);
});
afterAll(() => api?.close());

const get = async (as: TestUser, url: string, query: Record<string, string> = {}) =>
  (await api.request('GET', url, { as, query })).json();
const log = async (as: TestUser, query: Record<string, string> = {}) =>
  (await get(as, '/audit-logs', query)).audit_logs;
const verify = (as: TestUser) => get(as, '/audit-logs/verify');
const newProject = async (as: TestUser, name = 'P') =>
  (await api.request('POST', '/projects', { as, body: { name } })).json().id as string;

it('says who did what, before and after, from where', async () => {
  const ann = await api.user({ name: 'Ann' });
  const id = await newProject(ann, 'Old');
  await api.request('PUT', `/projects/${id}`, { as: ann, body: { name: 'New' }, headers: { 'user-agent': 'curl/8' } });
  const [entry, ...older] = await log(ann);
  expect(entry).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    user_id: ann.id,
    user_email: ann.email,
    project_id: id,
    resource: 'project',
    resource_id: id,
    action: 'update',
    details: '{"before":{"name":"Old"},"after":{"name":"New"}}',
    ip_address: '127.0.0.1',
    user_agent: 'curl/8',
    created_at: expect.stringMatching(/Z$/),
    seq: 4,
    hash: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  const words = older.map(({ resource, action }: Record<string, string>) => `${resource} ${action}`);
  expect(words).toEqual(['project create', 'user login', 'user create']);
  expect(await verify(ann)).toEqual({ valid: true, checked: 4, head: entry.hash });
});

it('keeps no row of what did not happen', async () => {
  const ann = await api.user();
  const before = await log(ann);
  await api.request('POST', '/auth/login', { body: { email: ann.email, password: 'wrong password' } });
  await api.request('PUT', `/projects/${randomUUID()}`, { as: ann, body: { name: 'x' } });
  await expect(
    db.$transaction(async (tx) => {
      await record(tx, ann);
      throw new Error('rolled back');
    }),
  ).rejects.toThrow('rolled back');
  expect(await log(ann)).toEqual(before);
  expect(await verify(ann)).toMatchObject({ valid: true });
});

const record = (tx: Prisma.TransactionClient, user: { id: string }, projectId: string | null = null, n = 0) =>
  recordAudit(
    tx,
    { userId: user.id, isAdmin: false },
    { resource: 'thing', resourceId: projectId ?? user.id, action: 'touch', projectId, after: { n } },
  );
const recordNow = (user: { id: string }, projectId: string | null = null, n = 0) =>
  db.$transaction((tx) => record(tx, user, projectId, n));

describe('who sees what', () => {
  let owner: TestUser;
  let member: TestUser;
  let stranger: TestUser;
  let projectId: string;

  beforeAll(async () => {
    [owner, member, stranger] = [await api.user(), await api.user(), await api.user()];
    projectId = await newProject(owner);
    await db.projectMember.create({ data: { projectId, userId: member.id, role: 'developer' } });
    await recordNow(member, projectId, 7);
  });

  it('what a member does is in the log of the owner and in his own', async () => {
    const [seen] = await log(owner);
    expect(seen).toMatchObject({ user_id: member.id, project_id: projectId, details: '{"after":{"n":7}}' });
    const [own] = await log(member);
    expect(own).toMatchObject({
      user_id: member.id,
      details: JSON.stringify({ project_id: projectId, after: { n: 7 } }),
    });
    expect(own).not.toHaveProperty('project_id');
    for (const user of [owner, member]) expect(await verify(user)).toMatchObject({ valid: true });
  });

  it('the log of a project is for its owner and its administrators', async () => {
    const ask = async (as: TestUser) =>
      (await api.request('GET', '/audit-logs', { as, query: { project_id: projectId } })).statusCode;
    expect([await ask(owner), await ask(member), await ask(stranger)]).toEqual([200, 404, 404]);
    await db.projectMember.updateMany({ where: { projectId }, data: { role: 'admin' } });
    expect(await ask(member)).toBe(200);
    const entries = await log(member, { project_id: projectId });
    expect(entries.map((entry: { resource: string }) => entry.resource)).toEqual(['thing', 'project']);
    await db.projectMember.updateMany({ where: { projectId }, data: { role: 'developer' } });
  });

  it('the log of one thing is for those, and what one did oneself', async () => {
    const ask = (as: TestUser, url: string) => api.request('GET', url, { as });
    expect((await ask(owner, `/audit-logs/project/${projectId.toUpperCase()}`)).json()).toMatchObject({
      audit_logs: [{ action: 'create' }],
      next_cursor: null,
    });
    const refused = async (as: TestUser) => {
      const answer = await ask(as, `/audit-logs/project/${projectId}`);
      return `${answer.statusCode} ${answer.json().code}`;
    };
    expect(await refused(stranger)).toBe('404 audit_logs_not_found');
    expect(await refused(member)).toBe('403 role_too_low');
    expect((await ask(member, `/audit-logs/thing/${projectId}`)).json().audit_logs).toHaveLength(1);
    expect((await ask(stranger, `/audit-logs/thing/${projectId}`)).statusCode).toBe(404);
  });
});

describe('pages', () => {
  let ann: TestUser;
  beforeAll(async () => {
    ann = await api.user();
    for (let n = 0; n < 10; n += 1) await recordNow(ann, null, n);
  });
  const numbers = (body: { audit_logs: { details: string }[] }) =>
    body.audit_logs.map(({ details }) => JSON.parse(details).after?.n ?? null);

  it.each([
    ['without a filter', {}, 12],
    ['with a filter', { resource: 'thing' }, 10],
    [
      'by who did it',
      {
        get user_id() {
          return ann.id;
        },
      },
      12,
    ],
  ])('go on by page and by cursor %s', async (_, filter, total) => {
    const seen = async (
      next: (body: { next_cursor: string | null }, page: number) => Record<string, string> | null,
    ) => {
      const all: unknown[] = [];
      let query: Record<string, string> | null = { ...filter, limit: '4' };
      for (let page = 1; query; page += 1) {
        const body = await get(ann, '/audit-logs', query);
        if (query.cursor === undefined) expect(body.total).toBe(total);
        all.push(...numbers(body));
        const more = next(body, page);
        query = more && { ...filter, limit: '4', ...more };
      }
      return all;
    };
    const byCursor = await seen((body) => (body.next_cursor ? { cursor: body.next_cursor } : null));
    const byPage = await seen((body, page) => (body.next_cursor ? { page: String(page + 1) } : null));
    expect(byPage).toEqual(byCursor);
    expect(byCursor).toHaveLength(total);
    expect(byCursor.slice(0, 10)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  });

  it.each([
    [{ page: '1000' }, 200, undefined],
    [{ page: '99999999', limit: '100' }, 200, undefined],
    [{ resource: 'thing', page: '1000', limit: '100' }, 400, 'page_too_deep'],
    [{ user_id: randomUUID(), action: 'login' }, 400, 'filters_do_not_combine'],
    [{ cursor: 'x' }, 400, 'validation_failed'],
    [{ limit: '101' }, 400, 'validation_failed'],
    [{ page: '0' }, 400, 'validation_failed'],
    [{ project_id: randomUUID() }, 404, 'project_not_found'],
    [{ resource: 'nothing' }, 200, undefined],
  ])('%j is answered %i %s', async (query, status, code) => {
    const answer = await api.request('GET', '/audit-logs', { as: ann, query: query as Record<string, string> });
    expect([answer.statusCode, answer.json().code]).toEqual([status, code]);
    if (status === 200) expect(answer.json()).toMatchObject({ audit_logs: [], next_cursor: null });
  });
});

describe('a chain that was touched', () => {
  const sql = (text: string, ...values: unknown[]) => api.database.query(text, values);
  const walk = () => verifyChain(db, ann.id, new AbortController().signal, 4);
  let ann: { id: string };
  beforeEach(async () => {
    ann = { id: randomUUID() };
    for (let n = 1; n <= 10; n += 1) await recordNow(ann, null, n);
    expect(await walk()).toMatchObject({ valid: true, checked: 10 });
  });

  it.each([
    ['details', `'{}'`],
    ['user_email', `'other@example.com'`],
    ['user_id', 'NULL'],
    ['action', `'login'`],
    ['ip_address', `'10.0.0.1'`],
    ['created_at', `created_at - interval '1 ms'`],
    ['hash', `decode(repeat('ab', 32), 'hex')`],
  ])('shows where %s was changed', async (column, value) => {
    await sql(`UPDATE audit_logs SET ${column} = ${value} WHERE tenant_id = $1 AND seq = 7`, ann.id);
    expect(await walk()).toEqual({ valid: false, checked: 6, broken_at: 7, reason: 'changed' });
  });

  it.each([1, 4, 5])('shows that row %i is missing', async (seq) => {
    await sql('DELETE FROM audit_logs WHERE tenant_id = $1 AND seq = $2', ann.id, seq);
    expect(await walk()).toEqual({ valid: false, checked: seq - 1, broken_at: seq, reason: 'missing' });
  });

  it('shows that the newest are missing', async () => {
    await sql('DELETE FROM audit_logs WHERE tenant_id = $1 AND seq > 8', ann.id);
    expect(await walk()).toEqual({ valid: false, checked: 8, broken_at: 9, reason: 'missing' });
    await recordNow(ann);
    expect(await walk()).toEqual({ valid: false, checked: 8, broken_at: 9, reason: 'missing' });
  });

  it('shows that rows changed places', async () => {
    await sql('UPDATE audit_logs SET seq = seq - 8 WHERE tenant_id = $1 AND seq IN (3, 6)', ann.id);
    await sql('UPDATE audit_logs SET seq = 1 - seq WHERE tenant_id = $1 AND seq < 0', ann.id);
    expect(await walk()).toEqual({ valid: false, checked: 2, broken_at: 3, reason: 'changed' });
  });

  it('shows a row that was added by hand', async () => {
    await sql(
      `INSERT INTO audit_logs SELECT tenant_id, seq + 1, $2, user_id, user_email, project_id, resource, resource_id, action,
         details, ip_address, user_agent, created_at, hash FROM audit_logs WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1`,
      ann.id,
      randomUUID(),
    );
    expect(await walk()).toEqual({ valid: false, checked: 10, broken_at: 11, reason: 'unexpected' });
  });

  it('shows a newest link that is another', async () => {
    await sql(`UPDATE audit_chains SET hash = decode(repeat('cd', 32), 'hex') WHERE tenant_id = $1`, ann.id);
    expect(await walk()).toEqual({ valid: false, checked: 9, broken_at: 10, reason: 'changed' });
    await sql('DELETE FROM audit_chains WHERE tenant_id = $1', ann.id);
    expect(await walk()).toEqual({ valid: false, checked: 0, broken_at: 1, reason: 'unexpected' });
  });

  it('ends between two batches when nobody waits for it', async () => {
    await expect(verifyChain(db, ann.id, AbortSignal.abort(), 4)).rejects.toMatchObject({ code: 'verification_ended' });
  });
});

it('two users who work in each other’s projects at once do not wait for each other in a circle', async () => {
  const [ann, ben] = [await api.user(), await api.user()];
  const [hers, his] = [await newProject(ann), await newProject(ben)];
  const work = Array.from({ length: 20 }, (_, n) => (n % 2 ? recordNow(ann, his, n) : recordNow(ben, hers, n)));
  await Promise.all(work);
  for (const user of [ann, ben]) expect(await verify(user)).toMatchObject({ valid: true, checked: 23 });
});

it('takes ids in capitals for the same ids', async () => {
  const ann = await api.user();
  const id = await newProject(ann);
  const answer = await api.request('PUT', `/projects/${id.toUpperCase()}`, { as: ann, body: { name: 'N' } });
  expect(answer.statusCode).toBe(200);
  expect(await verify(ann)).toMatchObject({ valid: true });
  expect((await get(ann, `/audit-logs/project/${id}`)).audit_logs).toHaveLength(2);
});
