import { createHmac, randomUUID } from 'node:crypto';
import { type TestApi, type TestUser, testApi } from '../../../test/factories/api.js';

const KEY = 'k'.repeat(64);
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Any token at all, signed by hand. */
function token(claims: object, { header = { alg: 'HS256', typ: 'JWT' }, key = KEY, digest = 'sha256' } = {}): string {
  const text = `${base64(header)}.${base64(claims)}`;
  return `${text}.${digest === 'none' ? '' : createHmac(digest, key).update(text).digest('base64url')}`;
}

describe('access', () => {
  let api: TestApi;
  let ann: TestUser;
  const now = Math.floor(Date.now() / 1000);
  const good = () => ({ sub: ann.id, iss: 'containr', aud: 'containr-api', iat: now, exp: now + 600 });
  const status = async (authorization?: string) =>
    (await api.request('GET', '/user/profile', { headers: authorization === undefined ? {} : { authorization } }))
      .statusCode;

  beforeAll(async () => {
    api = await testApi({ environment: { CONTAINR_JWT_KEY: KEY } });
    ann = await api.user();
  });
  afterAll(() => api?.close());

  it('lets a token in, whatever the case of the scheme', async () => {
    expect(await status(`Bearer ${token(good())}`)).toBe(200);
    expect(await status(`bearer ${ann.token}`)).toBe(200);
  });

  it.each<[string, () => string | undefined]>([
    ['no header', () => undefined],
    ['an empty header', () => ''],
    ['another scheme', () => `Basic ${ann.token}`],
    ['no token', () => 'Bearer'],
    ['two tokens', () => `Bearer ${ann.token} ${ann.token}`],
    ['nonsense', () => 'Bearer nonsense'],
    ['a changed signature', () => `Bearer ${ann.token.slice(0, -4)}AAAA`],
    ['another key', () => `Bearer ${token(good(), { key: 'x'.repeat(64) })}`],
    ['an expired token', () => `Bearer ${token({ ...good(), iat: now - 100, exp: now - 1 })}`],
    ['a token of the future', () => `Bearer ${token({ ...good(), nbf: now + 600 })}`],
    ['alg none', () => `Bearer ${token(good(), { header: { alg: 'none', typ: 'JWT' }, digest: 'none' })}`],
    ['another algorithm', () => `Bearer ${token(good(), { header: { alg: 'HS512', typ: 'JWT' }, digest: 'sha512' })}`],
    ['another issuer', () => `Bearer ${token({ ...good(), iss: 'somebody' })}`],
    ['another audience', () => `Bearer ${token({ ...good(), aud: 'something' })}`],
    ['no subject', () => `Bearer ${token({ ...good(), sub: undefined })}`],
    ['a subject that is no id', () => `Bearer ${token({ ...good(), sub: 'root' })}`],
    ['an unknown subject', () => `Bearer ${token({ ...good(), sub: randomUUID() })}`],
  ])('refuses %s', async (_, header) => {
    expect(await status(header())).toBe(401);
  });

  it('refuses in the form of the contract', async () => {
    const answer = await api.request('GET', '/projects');
    expect(answer.json()).toEqual({ error: expect.stringContaining('Bearer'), code: 'unauthenticated', details: {} });
  });

  it('notices within seconds that a user was deleted', async () => {
    const ben = await api.user();
    const profile = async () => (await api.request('GET', '/projects', { as: ben })).statusCode;
    expect(await profile()).toBe(200);
    await api.database.query('DELETE FROM users WHERE id = $1', [ben.id]);
    const deadline = Date.now() + 30_000;
    while ((await profile()) === 200) expect(Date.now()).toBeLessThan(deadline);
    expect(await profile()).toBe(401);
  });

  it('asks the database about a user once for many requests at once', async () => {
    const cem = await api.user();
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.request('GET', '/projects', { as: cem })));
    expect(new Set(answers.map((answer) => answer.statusCode))).toEqual(new Set([200]));
  });
});
