import { randomUUID } from 'node:crypto';
import { type TestApi, type TestUser, testApi } from '../../../test/factories/api.js';
import { PROJECT_REMOVAL, type ProjectRemoval } from './index.js';

describe('projects', () => {
  let api: TestApi;
  let ann: TestUser;
  let ben: TestUser;
  const removed: string[] = [];
  let failRemoval = false;
  const removal: ProjectRemoval = async (tx, projectId) => {
    await tx.$executeRaw`UPDATE services SET deleted_at = now() WHERE project_id = ${projectId}::uuid`;
    if (failRemoval) throw new Error('removal failed');
    return () => void removed.push(projectId);
  };

  beforeAll(async () => {
    api = await testApi({
      module: (own) => ({
        module: class WithRemoval {},
        imports: [
          own,
          {
            module: class Removal {},
            global: true,
            providers: [{ provide: PROJECT_REMOVAL, useValue: removal }],
            exports: [PROJECT_REMOVAL],
          },
        ],
      }),
    });
    [ann, ben] = [await api.user(), await api.user()];
  });
  afterAll(() => api?.close());

  const create = async (as: TestUser, body: object) => (await api.request('POST', '/projects', { as, body })).json();
  const addService = async (projectId: string, deleted = false) => {
    const body = {
      name: `s-${randomUUID().slice(0, 8)}`,
      type: 'worker',
      source: { type: 'image', image: 'nginx:1.22' },
    };
    const created = await api.request('POST', `/projects/${projectId}/services`, { as: ann, body });
    expect(created.statusCode).toBe(201);
    if (deleted) await api.database.query('UPDATE services SET deleted_at = now() WHERE id = $1', [created.json().id]);
  };

  it('creates a project and reads it back with its count of services', async () => {
    const created = await api.request('POST', '/projects', {
      as: ann,
      body: { name: '  Größe 🚀  ', description: 'two\nlines', owner_id: ben.id },
    });
    expect(created.statusCode).toBe(201);
    const project = created.json();
    expect(project).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: 'Größe 🚀',
      description: 'two\nlines',
      owner_id: ann.id,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      updated_at: expect.any(String),
      role: 'owner',
      services_count: 0,
    });
    await addService(project.id);
    await addService(project.id, true);
    const read = await api.request('GET', `/projects/${project.id}`, { as: ann });
    expect(read.statusCode).toBe(200);
    expect(read.json()).toEqual({ ...project, services_count: 1 });
  });

  it.each([
    ['no name', {}, 'name', 'is required'],
    ['an empty name', { name: ' ' }, 'name', 'must not be empty'],
    ['300 characters', { name: 'x'.repeat(300) }, 'name', 'at most 100 characters'],
    ['101 emoji', { name: '🚀'.repeat(101) }, 'name', 'at most 100 characters'],
    ['a control character', { name: 'a\u0007b' }, 'name', 'control characters'],
    ['a line end in the name', { name: 'a\nb' }, 'name', 'control characters'],
    ['a number', { name: 7 }, 'name', 'must be a string'],
    ['null', { name: null }, 'name', 'must be a string'],
    ['a long description', { name: 'a', description: 'x'.repeat(2001) }, 'description', 'at most 2000'],
    ['an array', [], '', 'must be an object'],
  ])('refuses %s', async (_, body, path, words) => {
    const answer = await api.request('POST', '/projects', { as: ann, body });
    expect(answer.statusCode).toBe(400);
    const { error, code, details } = answer.json();
    expect(code).toBe('validation_failed');
    expect(error).toContain(words);
    expect(details.issues[0]).toEqual({ path, message: expect.stringContaining(words) });
  });

  it('takes 100 emoji as a name', async () => {
    expect((await create(ann, { name: '🚀'.repeat(100) })).name).toBe('🚀'.repeat(100));
  });

  it.each(['\\u0000', '\\ud800'])('refuses %s in any string', async (sequence) => {
    const answer = await api.request('POST', '/projects', {
      as: ann,
      body: `{"name":"a${sequence}"}`,
      headers: { 'content-type': 'application/json' },
    });
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_characters']);
  });

  it('changes only what is given', async () => {
    const { id } = await create(ann, { name: 'before', description: 'kept' });
    const changed = await api.request('PUT', `/projects/${id}`, { as: ann, body: { name: 'after' } });
    expect(changed.json()).toMatchObject({ name: 'after', description: 'kept' });
    expect((await api.request('PUT', `/projects/${id}`, { as: ann, body: { name: '' } })).statusCode).toBe(400);
  });

  it('answers alike for unknown, malformed and foreign ids', async () => {
    const { id } = await create(ann, { name: 'mine' });
    for (const path of [id, randomUUID(), 'nonsense', '%00', '1;drop']) {
      for (const [method, body] of [['GET'], ['PUT', { name: 'x' }], ['DELETE']] as const) {
        const answer = await api.request(method, `/projects/${path}`, { as: ben, body });
        expect([path, method, answer.statusCode, answer.json()]).toEqual([
          path,
          method,
          404,
          { error: 'There is no such project, or you have no access to it.', code: 'project_not_found', details: {} },
        ]);
      }
    }
    expect((await api.request('GET', `/projects/${id}`, { as: ann })).json().name).toBe('mine');
  });

  it('deletes in one transaction with what is inside, and calls back after commit', async () => {
    const { id } = await create(ann, { name: 'gone' });
    await addService(id);
    const answer = await api.request('DELETE', `/projects/${id}`, { as: ann });
    expect([answer.statusCode, answer.body]).toEqual([204, '']);
    expect(removed).toContain(id);
    expect((await api.request('GET', `/projects/${id}`, { as: ann })).statusCode).toBe(404);
    expect((await api.request('DELETE', `/projects/${id}`, { as: ann })).statusCode).toBe(404);
    const [row] = await api.database.query<{ gone: boolean }>(
      'SELECT deleted_at IS NOT NULL AS gone FROM projects WHERE id = $1',
      [id],
    );
    expect(row).toEqual({ gone: true });
  });

  it('changes nothing when the removal of its contents fails', async () => {
    const { id } = await create(ann, { name: 'stays' });
    await addService(id);
    failRemoval = true;
    const answer = await api.request('DELETE', `/projects/${id}`, { as: ann });
    failRemoval = false;
    expect([answer.statusCode, answer.json().code]).toEqual([500, 'internal']);
    expect(answer.body).not.toContain('removal failed');
    expect(removed).not.toContain(id);
    expect((await api.request('GET', `/projects/${id}`, { as: ann })).json()).toMatchObject({
      name: 'stays',
      services_count: 1,
    });
  });

  it('deletes a project once when two ask at the same time', async () => {
    const { id } = await create(ann, { name: 'race' });
    const answers = await Promise.all([1, 2, 3].map(() => api.request('DELETE', `/projects/${id}`, { as: ann })));
    expect(answers.map((answer) => answer.statusCode).sort()).toEqual([204, 404, 404]);
    expect(removed.filter((one) => one === id)).toHaveLength(1);
  });
});

describe('the list of projects', () => {
  let api: TestApi;
  let ann: TestUser;
  beforeAll(async () => {
    api = await testApi();
    ann = await api.user();
    const ben = await api.user();
    const insert = `INSERT INTO projects (id, owner_id, name, description, created_at, updated_at)
      SELECT gen_random_uuid(), $1, 'project ' || n, CASE WHEN n = 7 THEN '100% _real_ \\path' ELSE '' END, now() - n / 3 * interval '1 s', now()
      FROM generate_series(1, $2::int) n`;
    await api.database.query(insert, [ann.id, 25]);
    await api.database.query(insert, [ben.id, 3]);
  });
  afterAll(() => api?.close());

  const list = (query: Record<string, string>) => api.request('GET', '/projects', { as: ann, query });

  it('pages through everything once, newest first, even where times are equal', async () => {
    const seen: { id: string; created_at: string }[] = [];
    for (const page of ['1', '2', '3', '4']) seen.push(...(await list({ page, limit: '7' })).json().projects);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(25);
    const times = seen.map(({ created_at }) => created_at);
    expect(times).toEqual([...times].sort().reverse());
    expect((await list({ page: '2', limit: '7' })).json().pagination).toEqual({
      page: 2,
      limit: 7,
      total: 25,
      total_pages: 4,
    });
    expect((await list({ page: '5', limit: '7' })).json().projects).toEqual([]);
  });

  it('has defaults', async () => {
    const { projects, pagination } = (await list({})).json();
    expect(projects).toHaveLength(20);
    expect(pagination).toEqual({ page: 1, limit: 20, total: 25, total_pages: 2 });
  });

  it.each([
    ['PROJECT 2', 7],
    ['%', 1],
    ['_real_', 1],
    ['\\', 1],
    ["'; drop table projects; --", 0],
    ['', 25],
  ])('finds %j literally', async (search, count) => {
    const { projects, pagination } = (await list({ search, limit: '100' })).json();
    expect([projects.length, pagination.total]).toEqual([count, count]);
  });

  it.each([
    [{ limit: '0' }, 'limit must be at least 1'],
    [{ limit: '101' }, 'limit must be at most 100'],
    [{ page: '0' }, 'page must be at least 1'],
    [{ page: '1.5' }, 'page must be a whole number'],
    [{ page: 'x' }, 'page must be a number'],
    [{ search: 'x'.repeat(201) }, 'search must be at most 200 characters'],
  ])('refuses %j', async (query, words) => {
    const answer = await list(query);
    expect([answer.statusCode, answer.json().error]).toEqual([400, words]);
  });

  it('refuses NUL and pages too deep to be cheap', async () => {
    expect((await api.request('GET', '/projects?search=%00', { as: ann })).json().code).toBe('invalid_characters');
    expect((await list({ page: '1000', limit: '100' })).json().code).toBe('page_too_deep');
  });

  it('stops counting at 10,001', async () => {
    const cem = await api.user();
    await api.database.query(
      `INSERT INTO projects (id, owner_id, name, updated_at) SELECT gen_random_uuid(), $1, 'p', now() FROM generate_series(1, 10050)`,
      [cem.id],
    );
    const answer = await api.request('GET', '/projects', { as: cem, query: { page: '100', limit: '100' } });
    expect(answer.json().projects).toHaveLength(100);
    expect(answer.json().pagination.total).toBe(10_001);
  });
});
