import { type TestApi, type TestUser, testApi } from '../../../test/factories/api.js';

const PASSWORD = 'a long enough password';

describe('registration', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await testApi();
  });
  afterEach(() => api?.close());
  const register = (fields: object) =>
    api.request('POST', '/auth/register', {
      body: { email: 'ann@example.com', password: PASSWORD, name: 'Ann', ...fields },
    });

  it('answers with the user, in the form of the contract', async () => {
    const answer = await register({ email: '  Ann@Example.COM ', name: ' Ann 🚀 ' });
    expect(answer.statusCode).toBe(201);
    expect(answer.json()).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      email: 'ann@example.com',
      name: 'Ann 🚀',
      is_admin: true,
      created_at: expect.any(String),
      updated_at: expect.any(String),
    });
    const [row] = await api.database.query<{ password_hash: string }>('SELECT password_hash FROM users');
    expect(row?.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  it('makes exactly one administrator of many first users at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) => register({ email: `user${n}@example.com` })),
    );
    expect(answers.map((answer) => answer.statusCode)).toEqual(Array(12).fill(201));
    expect(answers.filter((answer) => answer.json().is_admin)).toHaveLength(1);
  });

  it('gives an address one account, also when several ask at once', async () => {
    const answers = await Promise.all(
      ['a@b.example', 'A@b.example', 'a@B.example'].map((email) => register({ email })),
    );
    expect(answers.map((answer) => answer.statusCode).sort()).toEqual([201, 409, 409]);
    expect(answers.find((answer) => answer.statusCode === 409)?.json()).toMatchObject({ code: 'email_taken' });
  });

  it.each([
    [{ email: 'nonsense' }, 'email must be an e-mail address'],
    [{ email: undefined }, 'email is required'],
    [{ email: `${'x'.repeat(250)}@example.com` }, 'email must be at most 254 characters'],
    [{ password: 'short' }, 'password must be at least 10 characters'],
    [{ password: 'x'.repeat(201) }, 'password must be at most 200 characters'],
    [{ password: 'Ann@example.com' }, 'password must not be the e-mail address'],
    [{ name: '' }, 'name must not be empty'],
    [{ name: 'x'.repeat(300) }, 'name must be at most 100 characters (got 300)'],
    [{ name: 'a\u001bb' }, 'name must not contain control characters'],
  ])('refuses %j', async (fields, words) => {
    const answer = await register(fields);
    expect([answer.statusCode, answer.json().code, answer.json().error]).toEqual([400, 'validation_failed', words]);
  });

  it('can be closed by the administrator, and by nobody else', async () => {
    const [ann, ben] = [await api.user(), await api.user()];
    const close = (as: TestUser) => api.request('PUT', '/settings', { as, body: { registration_open: false } });
    expect([(await close(ben)).statusCode, (await close(ben)).json().code]).toEqual([403, 'administrator_only']);
    expect((await api.request('GET', '/settings', { as: ben })).statusCode).toBe(403);
    expect((await close(ann)).json()).toEqual({ registration_open: false });
    const refused = await register({});
    expect([refused.statusCode, refused.json().code]).toEqual([403, 'registration_closed']);
    expect((await api.request('PUT', '/settings', { as: ann, body: {} })).json()).toEqual({ registration_open: false });
    expect((await api.request('GET', '/settings', { as: ann })).json()).toEqual({ registration_open: false });
    await api.request('PUT', '/settings', { as: ann, body: { registration_open: true } });
    expect((await register({})).statusCode).toBe(201);
  });
});

describe('sign-in', () => {
  let api: TestApi;
  let ann: TestUser;
  beforeEach(async () => {
    api = await testApi();
    ann = await api.user({ email: 'ann@example.com' });
  });
  afterEach(() => api?.close());
  const login = (fields: object = {}) =>
    api.request('POST', '/auth/login', { body: { email: ann.email, password: ann.password, ...fields } });

  it('answers with a token and the user', async () => {
    const answer = await login({ email: ' ANN@example.com ' });
    expect(answer.statusCode).toBe(200);
    expect(answer.json().user).toMatchObject({ id: ann.id, email: ann.email });
    const claims = JSON.parse(Buffer.from(answer.json().token.split('.')[1], 'base64url').toString());
    expect(claims).toEqual({
      sub: ann.id,
      iss: 'containr',
      aud: 'containr-api',
      iat: expect.any(Number),
      exp: claims.iat + 168 * 3600,
    });
  });

  it('says the same of unknown users and wrong passwords', async () => {
    const answers = [await login({ password: 'wrong password' }), await login({ email: 'nobody@example.com' })];
    expect(answers.map((answer) => answer.statusCode)).toEqual([401, 401]);
    expect(answers[0]?.json()).toEqual(answers[1]?.json());
    expect(answers[0]?.json().code).toBe('invalid_credentials');
  });

  it('takes as long for unknown users as for wrong passwords', async () => {
    const cost = async (email: string) => {
      // CPU time: what else the machine does must not count.
      const before = process.cpuUsage();
      await login({ email, password: 'wrong password' });
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    await cost('warm-up@example.com');
    const unknown = Math.min(await cost('x1@example.com'), await cost('x2@example.com'), await cost('x3@example.com'));
    const wrong = Math.min(await cost(ann.email), await cost(ann.email), await cost(ann.email));
    expect(unknown / wrong).toBeGreaterThan(0.5);
  });

  it('stops guessing at one account after 10 failures, whoever asks', async () => {
    for (let n = 0; n < 10; n += 1) expect((await login({ password: `wrong guess ${n}` })).statusCode).toBe(401);
    const refused = await login();
    expect([refused.statusCode, refused.json().code]).toEqual([429, 'too_many_attempts']);
    const seconds = Number(refused.headers['retry-after']);
    expect(seconds).toBeGreaterThan(800);
    expect(seconds).toBeLessThanOrEqual(900);
    expect((await login({ email: 'other@example.com' })).statusCode).toBe(401);
  });

  it('forgets failures after a success', async () => {
    for (let round = 0; round < 2; round += 1) {
      for (let n = 0; n < 9; n += 1) expect((await login({ password: 'wrong guess' })).statusCode).toBe(401);
      expect((await login()).statusCode).toBe(200);
    }
  });

  it('stops one address after 30 failures in a minute, but not people who know their passwords', async () => {
    for (let n = 0; n < 40; n += 1) expect((await login()).statusCode).toBe(200);
    for (let n = 0; n < 30; n += 1) expect((await login({ email: `user${n}@example.com` })).statusCode).toBe(401);
    const refused = await login({ email: 'user31@example.com' });
    expect(refused.statusCode).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
  });

  it.each([
    { email: undefined },
    { password: '' },
    { password: 7 },
    { email: null },
  ])('refuses %j as malformed', async (fields) => {
    expect((await login(fields)).statusCode).toBe(400);
  });
});

describe('throttling without Redis', () => {
  it('goes on in memory', async () => {
    const api = await testApi({ environment: { REDIS_URL: 'redis://127.0.0.1:1' } });
    try {
      const login = () =>
        api.request('POST', '/auth/login', { body: { email: 'x@example.com', password: 'wrong password' } });
      for (let n = 0; n < 10; n += 1) expect((await login()).statusCode).toBe(401);
      expect((await login()).statusCode).toBe(429);
    } finally {
      await api.close();
    }
  });
});

describe('profile', () => {
  let api: TestApi;
  let ann: TestUser;
  beforeAll(async () => {
    api = await testApi();
    ann = await api.user();
  });
  afterAll(() => api?.close());
  const put = (body: object) => api.request('PUT', '/user/profile', { as: ann, body });

  it('is read and changed field by field', async () => {
    expect((await api.request('GET', '/user/profile', { as: ann })).json()).toMatchObject({
      id: ann.id,
      email: ann.email,
    });
    expect((await put({ avatar_url: 'https://example.com/a.png' })).json()).toMatchObject({
      avatar_url: 'https://example.com/a.png',
      name: 'Test User',
    });
    expect((await put({ name: 'Ann', email: 'New@Example.com' })).json()).toMatchObject({
      name: 'Ann',
      email: 'new@example.com',
      avatar_url: 'https://example.com/a.png',
    });
    expect((await put({ avatar_url: '' })).json()).not.toHaveProperty('avatar_url');
    expect((await put({})).statusCode).toBe(200);
  });

  it('keeps addresses unique', async () => {
    const ben = await api.user();
    const answer = await put({ email: ben.email.toUpperCase() });
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'email_taken']);
  });

  it.each([
    { avatar_url: 'javascript:alert(1)' },
    { avatar_url: 'ftp://x/y' },
    { avatar_url: 'x' },
    { email: 'x' },
    { name: ' ' },
  ])('refuses %j', async (body) => {
    const answer = await put(body);
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'validation_failed']);
  });
});
