/** Idempotency-Key, through the API on a real database. */
import { randomUUID } from 'node:crypto';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { type RequestOptions, type TestApi, type TestUser, testApi } from '../../../test/factories/api.js';

let api: TestApi;
let db: PrismaService;
let ann: TestUser;
let key: string;

beforeAll(async () => {
  api = await testApi();
  db = api.app.get(PrismaService);
  ann = await api.user();
});
afterAll(() => api?.close());
beforeEach(() => {
  key = randomUUID();
});

const post = (url: string, options: RequestOptions = {}) =>
  api.request('POST', url, { as: ann, headers: { 'idempotency-key': key }, ...options });
const create = (name: string, as = ann) => post('/projects', { body: { name }, as });
const named = (name: string) => db.project.count({ where: { name, deletedAt: null } });
const stored = () => db.idempotencyKey.findFirst({ where: { key } });
const expire = () => db.idempotencyKey.updateMany({ where: { key }, data: { lockedUntil: new Date(0) } });

it('answers the same request as the first time, without doing it again', async () => {
  const name = randomUUID();
  const first = await create(name);
  const second = await create(name);
  expect([first.statusCode, second.statusCode]).toEqual([201, 201]);
  expect(second.body).toBe(first.body);
  expect([first.headers['idempotent-replayed'], second.headers['idempotent-replayed']]).toEqual([undefined, 'true']);
  expect(await named(name)).toBe(1);
});

it('keeps the answer encrypted and the request unreadable', async () => {
  const name = `name-${randomUUID()}`;
  await create(name);
  const row = await stored();
  expect(row).toMatchObject({ responseStatus: 201, responseBody: expect.stringMatching(/^v1\./) });
  expect(JSON.stringify(row)).not.toContain(name);
});

it('refuses the key for another body or another address', async () => {
  await create('A');
  const { id } = (await create('A')).json();
  for (const [url, body] of [
    ['/projects', { name: 'B' }],
    ['/projects?x=1', { name: 'A' }],
    [`/projects/${id}/services`, { name: 'A', type: 'web' }],
  ] as const) {
    const answer = await post(url, { body });
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'idempotency_key_reused']);
  }
});

it('belongs to its user', async () => {
  const ben = await api.user();
  const name = randomUUID();
  const [hers, his] = [await create(name), await create(name, ben)];
  expect([hers.statusCode, his.statusCode]).toEqual([201, 201]);
  expect(his.json().id).not.toBe(hers.json().id);
});

it.each(['x'.repeat(256), 'schlüssel', ' ', 'a\tb'])('refuses the key %j', async (bad) => {
  const answer = await post('/projects', { body: { name: 'x' }, headers: { 'idempotency-key': bad } });
  expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_idempotency_key']);
});

it('is free again after a failure', async () => {
  const bad = await post('/projects', { body: { name: '' } });
  expect(bad.statusCode).toBe(400);
  expect(await stored()).toBeNull();
  const { id } = (await create('P')).json();
  key = randomUUID();
  const body = { name: 'web', type: 'web' };
  const other = { headers: {}, body };
  const { id: service } = (await post(`/projects/${id}/services`, other)).json();
  expect((await post(`/projects/${id}/services`, { body })).statusCode).toBe(409);
  await api.request('DELETE', `/services/${service}`, { as: ann });
  expect((await post(`/projects/${id}/services`, { body })).statusCode).toBe(201);
});

it('does one of 20 requests at once', async () => {
  const name = randomUUID();
  const answers = await Promise.all(Array.from({ length: 20 }, () => create(name)));
  expect(await named(name)).toBe(1);
  const made = answers.filter((answer) => answer.statusCode === 201);
  expect(new Set(made.map((answer) => answer.body)).size).toBe(1);
  expect(made.filter((answer) => !answer.headers['idempotent-replayed'])).toHaveLength(1);
  for (const answer of answers.filter(({ statusCode }) => statusCode !== 201)) {
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'idempotency_in_progress']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  }
});

/** What a process that was killed leaves: the row as it was at that moment. */
const asLeft = (change: { responseStatus: number | null; responseBody: string | null }) =>
  db.idempotencyKey.updateMany({ where: { key }, data: { ...change, lockedUntil: new Date(Date.now() + 60_000) } });

it('a process killed before its commit: the key is taken until the claim runs out, then the request is carried out', async () => {
  const name = randomUUID();
  await create(name);
  await db.project.deleteMany({ where: { name } });
  await asLeft({ responseStatus: null, responseBody: null });
  expect((await create(name)).json().code).toBe('idempotency_in_progress');
  await expire();
  expect((await create(name)).statusCode).toBe(201);
  expect(await named(name)).toBe(1);
});

it('a process killed between its commit and its answer: never a second time', async () => {
  const name = randomUUID();
  const { id } = (await create(name)).json();
  await asLeft({ responseStatus: 0, responseBody: JSON.stringify({ resource: 'project', resource_id: id }) });
  expect((await create(name)).json().code).toBe('idempotency_in_progress');
  await expire();
  const answer = await create(name);
  expect([answer.statusCode, answer.json()]).toEqual([
    409,
    { code: 'idempotency_answer_lost', error: expect.any(String), details: { resource: 'project', resource_id: id } },
  ]);
  expect(await named(name)).toBe(1);
});

it('the commit itself says that the request was carried out', async () => {
  const name = randomUUID();
  const seen: unknown[] = [];
  await db.$executeRawUnsafe(`CREATE TABLE seen_answers (response_status int, response_body text)`);
  await db.$executeRawUnsafe(`CREATE FUNCTION see_answer() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO seen_answers VALUES (NEW.response_status, NEW.response_body); RETURN NEW; END $$`);
  await db.$executeRawUnsafe(
    'CREATE TRIGGER see AFTER UPDATE ON idempotency_keys FOR EACH ROW EXECUTE FUNCTION see_answer()',
  );
  const { id } = (await create(name)).json();
  seen.push(...(await api.database.query('SELECT * FROM seen_answers')));
  await db.$executeRawUnsafe('DROP TRIGGER see ON idempotency_keys');
  expect(seen).toEqual([
    { response_status: 0, response_body: JSON.stringify({ resource: 'project', resource_id: id }) },
    { response_status: 201, response_body: expect.stringMatching(/^v1\./) },
  ]);
});

it('a request that lost its claim meanwhile does not commit', async () => {
  const name = randomUUID();
  // As if this process had slept through its claim: the row changes hands while the project is inserted.
  await db.$executeRawUnsafe(`CREATE FUNCTION take_over() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN UPDATE idempotency_keys SET locked_until = locked_until + interval '1 s'; RETURN NEW; END $$`);
  await db.$executeRawUnsafe('CREATE TRIGGER take AFTER INSERT ON projects FOR EACH ROW EXECUTE FUNCTION take_over()');
  const answer = await create(name);
  await db.$executeRawUnsafe('DROP TRIGGER take ON projects');
  expect([answer.statusCode, answer.json().code]).toEqual([409, 'idempotency_in_progress']);
  expect(await named(name)).toBe(0);
});

it('is forgotten after a day', async () => {
  const name = randomUUID();
  await create(name);
  await db.idempotencyKey.updateMany({ where: { key }, data: { createdAt: new Date(Date.now() - 25 * 3_600_000) } });
  expect((await create(name)).headers['idempotent-replayed']).toBeUndefined();
  expect(await named(name)).toBe(2);
});

it('means nothing for other methods and for open operations', async () => {
  const { id } = (await create('P')).json();
  for (const name of ['A', 'B']) {
    const answer = await api.request('PUT', `/projects/${id}`, {
      as: ann,
      body: { name },
      headers: { 'idempotency-key': key },
    });
    expect(answer.json().name).toBe(name);
  }
  const login = await post('/auth/login', { as: undefined, body: { email: ann.email, password: ann.password } });
  expect([login.statusCode, login.headers['idempotent-replayed']]).toEqual([200, undefined]);
});
