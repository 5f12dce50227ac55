/** Templates through the API, on a real database. */
import { randomUUID } from 'node:crypto';
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
afterAll(() => api?.close());
beforeEach(async () => {
  projectId = (await api.request('POST', '/projects', { as: owner, body: { name: 'P' } })).json().id;
});

const get = async (url: string) => (await api.request('GET', url, { as: owner })).json();
const deploy = (template: string, body: object = {}, as = owner) =>
  api.request('POST', `/templates/${template}/deploy`, { as, body: { project_id: projectId, name: 'Blog', ...body } });
const plan = (body: object, as = owner) => api.request('POST', '/templates/plan', { as, body });
const services = () => get(`/projects/${projectId}/services`);
const databases = async () => (await get(`/databases?project_id=${projectId}`)).databases;
const rows = async (table: string): Promise<number> =>
  Number((await api.database.query<{ n: string }>(`SELECT count(*) AS n FROM ${table}`))[0]?.n);
const everything = () =>
  Promise.all(
    ['services', 'variables', 'volumes', 'databases', 'database_links', 'deployments', 'runs', 'audit_logs'].map(rows),
  );
const variablesOf = async (id: string): Promise<Record<string, string>> => {
  const { variables } = await get(`/services/${id}/variables`);
  return Object.fromEntries(variables.map(({ key, value }: { key: string; value: string }) => [key, value]));
};

describe('reading', () => {
  it('lists, filters by category and searches', async () => {
    const { templates } = await get('/templates');
    expect(templates.length).toBeGreaterThanOrEqual(25);
    const databases = (await get('/templates?category=database')).templates;
    expect(databases.map(({ id }: { id: string }) => id)).toContain('postgresql');
    expect(new Set(databases.map(({ category }: { category: string }) => category))).toEqual(new Set(['database']));
    const found = (await get('/templates?search=MARIADB&category=cms')).templates;
    expect(found.map(({ id }: { id: string }) => id)).toEqual(['wordpress']);
    expect((await get('/templates?category=nothing')).templates).toEqual([]);
  });

  it('shows config and variables as text and parsed, alike', async () => {
    const { template, config, variables } = await get('/templates/wordpress');
    expect(template).toMatchObject({ id: 'wordpress', category: 'cms', is_official: true });
    expect(JSON.parse(template.config)).toEqual(config);
    expect(JSON.parse(template.variables)).toEqual(variables);
    expect(config).toMatchObject({ type: 'web', runtime: 'wordpress:6.7-php8.3-apache', port: 80 });
    expect(config.parts.map(({ key, kind }: { key: string; kind: string }) => [key, kind])).toEqual([
      ['db', 'database'],
      ['web', 'service'],
    ]);
  });

  it.each(['nothing', 'Not-An-Id', '%00'])('answers 404 for %s', async (id) => {
    const answers = await Promise.all([api.request('GET', `/templates/${id}`, { as: owner }), deploy(id)]);
    expect(answers.map((answer) => [answer.statusCode, answer.json().code])).toEqual([
      [404, 'template_not_found'],
      [404, 'template_not_found'],
    ]);
  });
});

describe('deploying', () => {
  it('creates the parts in order, with what they know of each other', async () => {
    const answer = await deploy('wordpress', {
      variables: { TABLE_PREFIX: 'x_', WORDPRESS_DEBUG: '1', SMTP_PASSWORD: 'p' },
    });
    expect(answer.statusCode).toBe(201);
    const made = answer.json();
    expect(made).toMatchObject({ resource: 'service', message: expect.stringContaining('blog-db (MariaDB 10.11.18') });
    expect(made).not.toHaveProperty('database_id');
    const [web] = await services();
    const [db] = await databases();
    expect([web.name, web.type, web.id]).toEqual(['Blog', 'web', made.service_id]);
    expect(db).toMatchObject({
      name: 'blog-db',
      host: 'blog-db',
      type: 'mariadb',
      plan: 'starter',
      status: 'building',
    });
    expect(made.services).toMatchObject([
      { key: 'db', kind: 'database', service_id: null, database_id: db.id, deployment_id: null },
      { key: 'web', kind: 'service', service_id: web.id, database_id: null },
    ]);
    expect(db.links.map(({ variable }: { variable: string }) => variable).sort()).toEqual([
      'WORDPRESS_DB_HOST',
      'WORDPRESS_DB_NAME',
      'WORDPRESS_DB_PASSWORD',
      'WORDPRESS_DB_USER',
    ]);
    const variables = await variablesOf(web.id);
    expect(variables).toMatchObject({
      WORDPRESS_DB_HOST: '${{blog-db.HOST}}:${{blog-db.PORT}}',
      WORDPRESS_DB_PASSWORD: '${{blog-db.PASSWORD}}',
      WORDPRESS_TABLE_PREFIX: 'x_',
      WORDPRESS_DEBUG: '1',
      SMTP_PASSWORD: '********',
    });
    const queued = await api.database.query<{ subject_id: string }>(
      'SELECT subject_id FROM runs WHERE subject_id = ANY($1) ORDER BY seq',
      [[db.id, made.services[1].deployment_id]],
    );
    expect(queued.map(({ subject_id }) => subject_id)).toEqual([db.id, made.services[1].deployment_id]);
    const audited = await api.database.query<{ resource: string }>(
      "SELECT resource FROM audit_logs WHERE action = 'create' AND resource_id = ANY($1) ORDER BY resource",
      [[db.id, web.id]],
    );
    expect(audited.map(({ resource }) => resource)).toEqual(['database', 'service']);
  });

  it('keeps a database that a service of the template uses from being deleted by mistake', async () => {
    await deploy('wordpress');
    const [db] = await databases();
    const refused = await api.request('DELETE', `/databases/${db.id}`, { as: owner });
    expect([refused.statusCode, refused.json().code]).toEqual([409, 'database_linked']);
  });

  it('makes a database template a managed database', async () => {
    const made = (await deploy('postgresql', { name: 'Main db', plan: 'hobby' })).json();
    expect(made).toMatchObject({ resource: 'database', services: [{ kind: 'database', name: 'Main db' }] });
    expect(made).not.toHaveProperty('service_id');
    expect(await get(`/databases/${made.database_id}`)).toMatchObject({
      name: 'Main db',
      host: 'main-db',
      type: 'postgresql',
      plan: 'hobby',
      project_id: projectId,
    });
    expect(await services()).toEqual([]);
  });

  it('makes an engine that is not managed a private service, and says so', async () => {
    const made = (await deploy('valkey', { name: 'Cache' })).json();
    expect(made).toMatchObject({ resource: 'service', message: expect.stringContaining('no managed backups') });
    expect(await get(`/services/${made.service_id}`)).toMatchObject({
      type: 'worker',
      url: null,
      internal_host: 'cache',
    });
  });

  it.each([
    ['a region that does not exist', { region: 'moon' }, 'unknown_region'],
    ['variables for a managed database', { variables: { POSTGRES_PASSWORD: 'p' } }, 'variable_unknown'],
  ])('refuses %s', async (_what, wish, code) => {
    const before = await everything();
    for (const answer of [
      await deploy('postgresql', wish),
      await plan({ template_id: 'postgresql', project_id: projectId, ...wish }),
    ])
      expect([answer.statusCode, answer.json().code]).toEqual([400, code]);
    expect(await everything()).toEqual(before);
  });

  it('waits for the code of a service whose source is pushed', async () => {
    const made = (await deploy('git-starter')).json();
    expect(made.message).toContain('Push your code');
    expect(made.services[0].deployment_id).toBeNull();
    expect((await get(`/services/${made.service_id}`)).git_url).toMatch(/\.git$/);
  });

  it('names the variable that is missing', async () => {
    for (const answer of [await deploy('directus'), await plan({ template_id: 'directus' })]) {
      expect([answer.statusCode, answer.json()]).toEqual([
        400,
        {
          code: 'variable_required',
          error: expect.stringContaining('ADMIN_EMAIL'),
          details: { variables: ['ADMIN_EMAIL'] },
        },
      ]);
    }
    expect((await deploy('directus', { variables: { ADMIN_EMAIL: '' } })).json().code).toBe('variable_required');
    expect((await deploy('directus', { variables: { ADMIN_EMAIL: 'a@example.com' } })).statusCode).toBe(201);
  });

  it.each([
    ['the second name is taken', 'blog', 'service_name_taken'],
    ['the first name is taken', 'blog-db', 'database_name_taken'],
  ])('makes nothing when %s', async (_what, name, code) => {
    const body = { name, type: 'worker', source: { type: 'image', image: 'nginx:1.22' } };
    await api.request('POST', `/projects/${projectId}/services`, { as: owner, body });
    const before = await everything();
    for (const answer of [
      await deploy('wordpress'),
      await plan({ template_id: 'wordpress', project_id: projectId, name: 'Blog' }),
    ])
      expect([answer.statusCode, answer.json().code]).toEqual([409, code]);
    expect(await everything()).toEqual(before);
  });

  it('makes nothing when a database has the host name of the service', async () => {
    const body = { name: 'blog', type: 'redis', plan: 'hobby', region: 'local', project_id: projectId };
    expect((await api.request('POST', '/databases', { as: owner, body })).statusCode).toBe(201);
    const before = await everything();
    for (const answer of [
      await deploy('wordpress'),
      await plan({ template_id: 'wordpress', project_id: projectId, name: 'Blog' }),
    ])
      expect([answer.statusCode, answer.json().code]).toEqual([409, 'service_name_taken']);
    expect(await everything()).toEqual(before);
  });

  it('makes nothing when the database fails in the middle', async () => {
    await api.database.query(`CREATE FUNCTION refuse_web() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF (SELECT count(*) FROM databases WHERE project_id = '${projectId}') = 1
      THEN RAISE EXCEPTION 'no deployment after the database'; END IF; RETURN NEW; END $$`);
    await api.database.query(
      'CREATE TRIGGER refuse BEFORE INSERT ON deployments FOR EACH ROW EXECUTE FUNCTION refuse_web()',
    );
    const before = await everything();
    const answer = await deploy('wordpress');
    await api.database.query('DROP TRIGGER refuse ON deployments');
    expect([answer.statusCode, answer.json().code]).toEqual([500, 'internal']);
    expect(await everything()).toEqual(before);
    expect((await deploy('wordpress')).statusCode).toBe(201);
  });

  it('makes each generated value once and anew for each deployment', async () => {
    const secretOf = async (name: string) => {
      const made = (await deploy('node-python-starter', { name })).json();
      const ids = made.services.map(({ service_id }: { service_id: string }) => service_id);
      const stored = await api.database.query<{ secret: boolean }>(
        "SELECT secret FROM variables WHERE key = 'API_TOKEN' AND service_id = ANY($1)",
        [ids],
      );
      expect(stored).toEqual([{ secret: true }, { secret: true }]);
      return made;
    };
    const [one, two] = [await secretOf('one'), await secretOf('two')];
    expect(one.service_id).not.toBe(two.service_id);
  });

  it('is closed to strangers', async () => {
    for (const answer of [
      await deploy('nginx', {}, stranger),
      await deploy('nginx', { project_id: randomUUID() }),
      await plan({ template_id: 'nginx', project_id: projectId }, stranger),
      await plan({ template_id: 'nginx', project_id: randomUUID() }),
    ])
      expect([answer.statusCode, answer.json().code]).toEqual([404, 'project_not_found']);
    expect(await services()).toEqual([]);
  });
});

describe('a plan', () => {
  it('shows services, variables, volumes and order, and makes nothing', async () => {
    const before = await everything();
    const answer = await plan({ template_id: 'plausible', project_id: projectId, name: 'Stats' });
    expect(answer.statusCode).toBe(200);
    const { order, services: planned } = answer.json();
    expect(order).toEqual(['db', 'events', 'web']);
    expect(planned[2]).toMatchObject({ name: 'Stats', type: 'web', port: 8000, depends_on: ['db', 'events'] });
    expect(planned[2].variables).toContainEqual({ key: 'SECRET_KEY_BASE', value: '********', secret: true });
    expect(planned[2].variables).toContainEqual({ key: 'HTTP_PORT', value: '8000', secret: false });
    expect(planned[2].variables).toContainEqual({
      key: 'CLICKHOUSE_DATABASE_URL',
      value: '${{stats-events.URL}}',
      secret: false,
    });
    expect(planned[2].database).toBeNull();
    expect(planned[1]).toMatchObject({
      kind: 'database',
      type: null,
      volumes: [{ mount_path: '/var/lib/clickhouse' }],
      database: { type: 'clickhouse', version: '24.12.3.47', plan: 'starter', region: 'local' },
    });
    expect(await everything()).toEqual(before);
  });

  it('needs no project', async () => {
    expect((await plan({ template_id: 'redis', plan: 'hobby' })).json().services[0]).toMatchObject({
      name: 'Redis',
      type: null,
      resources: { cpu: '0.5', memory: '512Mi' },
    });
  });

  it('answers 404 for an unknown template', async () => {
    expect((await plan({ template_id: 'nothing' })).json().code).toBe('template_not_found');
  });
});
