import { looksSecret } from '#features/services/index.js';
import { type DatabasePart, isDatabase, type ServicePart } from '#features/stacks/index.js';
import { loadCatalogue } from './catalogue.js';
import { generate, generateNothing } from './generators.js';
import type { TemplateFile } from './template-file.js';
import { partName, planTemplate } from './templates.plan.js';

const catalogue = new Map(loadCatalogue().map((file) => [file.id, file]));
const plannedParts = (id: string, variables: Record<string, string> = {}, generator = generate) =>
  planTemplate(catalogue.get(id) as TemplateFile, {
    name: 'My blog',
    variables,
    plan: 'hobby',
    region: 'local',
    generate: generator,
    identityOf: (name) => ({ id: name, alias: name, slug: 'my-blog-1a2b' }),
    urlOf: (slug) => `http://${slug}.example.test:8000`,
  });

const planned = (...wishes: Parameters<typeof plannedParts>): ServicePart[] =>
  plannedParts(...wishes).flatMap((part) => (isDatabase(part) ? [] : [part]));
const plannedDatabases = (...wishes: Parameters<typeof plannedParts>): DatabasePart[] =>
  plannedParts(...wishes).filter(isDatabase);

it('gives both sides of a reference the same generated value', () => {
  const [api, web] = planned('node-python-starter');
  expect(web?.variables.API_TOKEN).toEqual(api?.variables.API_TOKEN);
  expect(api?.variables.API_TOKEN?.value).toMatch(/^[A-Za-z0-9]{32}$/);
});

it('makes databases managed ones, and leaves references to them to the deployment', () => {
  expect(plannedDatabases('wordpress')).toEqual([
    {
      key: 'db',
      kind: 'database',
      name: 'my-blog-db',
      identity: expect.objectContaining({ alias: 'my-blog-db' }),
      database: { type: 'mariadb', version: '10.11.18', plan: 'hobby', region: 'local' },
      after: [],
    },
  ]);
  const [web] = planned('wordpress');
  expect([web?.variables.WORDPRESS_DB_HOST, web?.variables.WORDPRESS_DB_PASSWORD]).toEqual([
    { value: '${{my-blog-db.HOST}}:${{my-blog-db.PORT}}', secret: false },
    { value: '${{my-blog-db.PASSWORD}}', secret: false },
  ]);
  expect(web?.after).toEqual(['db']);
});

it('makes an engine that is not managed a private service', () => {
  expect(plannedDatabases('valkey')).toEqual([]);
  expect(planned('valkey')).toMatchObject([{ kind: 'database', request: { type: 'worker', port: 6379 } }]);
});

it('makes secret whatever holds a secret', () => {
  const web = planned('plausible', { DISABLE_REGISTRATION: 'true' }).find(({ key }) => key === 'web');
  const secret = Object.entries(web?.variables ?? {}).filter(([, value]) => value.secret);
  expect(secret.map(([key]) => key).sort()).toEqual(['SECRET_KEY_BASE', 'TOTP_VAULT_KEY']);
});

it('knows the public address before anything runs', () => {
  const web = planned('n8n').find(({ key }) => key === 'web');
  expect(web?.variables.WEBHOOK_URL).toEqual({ value: 'http://my-blog-1a2b.example.test:8000/', secret: false });
});

it('takes what the user gives as it is: no expression in it is resolved', () => {
  const [web] = planned('node-starter', { GREETING: '${{secret(8)}}', EXTRA: '${{web.HOST}}' });
  expect(web?.variables).toEqual({
    GREETING: { value: '${{secret(8)}}', secret: false },
    EXTRA: { value: '${{web.HOST}}', secret: false },
  });
});

it('lets the user replace a generated value for everybody who refers to it', () => {
  const [db] = planned('valkey', { VALKEY_PASSWORD: 'chosen' });
  expect(db?.variables.VALKEY_PASSWORD).toEqual({ value: 'chosen', secret: true });
});

it('generates nothing for a plan', () => {
  const texts = planned('plausible', {}, generateNothing).flatMap(({ variables }) => Object.values(variables));
  const secrets = texts.filter(({ secret }) => secret).map(({ value }) => value);
  expect(secrets.every((value) => value.includes('(generated)'))).toBe(true);
});

it.each([
  ['secret', 40, /^[A-Za-z0-9]{40}$/],
  ['hex', 8, /^[0-9a-f]{16}$/],
  ['base64', 48, /^[A-Za-z0-9+/]{64}$/],
  ['uuid', 0, /^[0-9a-f-]{36}$/],
] as const)('generates %s', (name, size, form) => {
  const [one, two] = [generate(name, size), generate(name, size)];
  expect(one).toMatch(form);
  expect(one).not.toBe(two);
});

it.each([
  ['My blog', 'db', 'my-blog-db'],
  ['a'.repeat(100), 'events', `${'a'.repeat(33)}-events`],
  ['日本', 'db', 'app-db'],
])('names parts after %s', (name, key, expected) => {
  expect(partName(name, key)).toBe(expected);
  expect(partName(name, key).length).toBeLessThanOrEqual(40);
});

it.each([
  ['DB_PASSWORD', true],
  ['API_KEY', true],
  ['SECRET_KEY_BASE', true],
  ['AUTH_TOKEN', true],
  ['KEYBOARD', false],
  ['PASSENGER_PORT', false],
])('%s is secret: %s', (key, secret) => expect(looksSecret(key)).toBe(secret));
