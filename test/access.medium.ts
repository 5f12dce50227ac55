/**
 * Every route, called by everybody: nobody, strangers, each role, each scope, bound, expired, revoked tokens and tokens used from elsewhere.
 * What must happen follows from the operation's `needs` and `about`, so that a new route is covered by itself; one whose path parameter or
 * body is unknown here fails until it is added to `fixture` or BODIES.
 */
import { randomUUID } from 'node:crypto';
import { RequestMethod } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { ROLES } from '#contracts/members.js';
import { SCOPES, type TokenScope } from '#contracts/tokens.js';
import { recordAudit } from '#features/audit/index.js';
import { newCredentials, sealCredentials } from '#features/databases/index.js';
import { allows, type OperationOptions, operationOf, requirementOf, rolesFor, scopeFor } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { newSecret } from '#platform/shown-once.js';
import { type TestApi, type TestUser, testApi } from './factories/api.js';

let api: TestApi;
let db: PrismaService;
let operations: Route[];
let owner: TestUser;
let shared: Fixture;
/** Another project of the owner. */
let elsewhere: string;
const people: Record<string, TestUser> = {};

interface Route {
  /** `GET /projects/{id}`; parts of the path that are in braces are parameters. */
  name: string;
  method: string;
  path: string;
  options: OperationOptions;
}

/** Ids by the part of the path before the parameter, and secrets that belong to this fixture. */
interface Fixture {
  ids: Record<string, string>;
  invitationToken: string;
}

interface Actor {
  user: string;
  /** Of an API token; without it the session is used. */
  scope?: TokenScope;
  /** The token is good for the project it calls, or only for another one. */
  bound?: 'here' | 'elsewhere';
  /** Makes the token invalid. */
  flaw?: { expiresAt: Date } | { revokedAt: Date } | { cidrs: string[] };
}

const ACTORS: Record<string, Actor> = {
  'a stranger': { user: 'stranger' },
  'the operator, a stranger to the project': { user: 'operator' },
  ...Object.fromEntries(ROLES.map((role) => [`the session of a project's ${role}`, { user: role }])),
  ...Object.fromEntries(SCOPES.map((scope) => [`the owner's token with scope ${scope}`, { user: 'owner', scope }])),
  "an admin token of a viewer: no more than the viewer's role": { user: 'viewer', scope: 'admin' },
  'a token bound to the project': { user: 'owner', scope: 'admin', bound: 'here' },
  'a token bound to another project': { user: 'owner', scope: 'admin', bound: 'elsewhere' },
  'an expired token': { user: 'owner', scope: 'admin', flaw: { expiresAt: new Date(Date.now() - 1000) } },
  'a revoked token': { user: 'owner', scope: 'admin', flaw: { revokedAt: new Date() } },
  'a token used from elsewhere': {
    user: 'owner',
    scope: 'admin',
    flaw: { cidrs: ['203.0.113.0/24', '2001:db8::/32'] },
  },
};

/**
 * Open on purpose. The git remote signs in by itself (tested in libs/features/git), webhooks are proven by a signature (libs/features/webhooks),
 * deploy hooks by a secret of their own (libs/features/deploy-hooks).
 */
const PUBLIC = [
  '* /git/*',
  'GET /health',
  'POST /auth/login',
  'POST /auth/register',
  'POST /deploy-hooks/{id}',
  'POST /webhooks/git/{hook_id}',
];
/** Beyond scope and role only for the operator of the installation. */
const OPERATOR_ONLY = ['GET /settings', 'PUT /settings'];

/** Where nothing may be dialled. */
const BUCKET = { endpoint: 'http://127.0.0.1:1', region: 'us-east-1', bucket: 'backups', access_key_id: 'x' };

/** Bodies that pass the form, so that the answer is about access. */
const BODIES: Record<string, (fixture: Fixture) => object> = {
  'POST /builds': () => ({
    build_type: 'prebuilt',
    prebuilt_image: 'nginx:1.22',
    image_name: 'web',
    image_tag: '1',
  }),
  'POST /git/providers': () => ({ type: 'gitea', base_url: 'http://127.0.0.1:1', access_token: 'x' }),
  'POST /registry-credentials': () => ({ registry: 'registry.example.com', username: 'u', password: 'p' }),
  'POST /templates/plan': () => ({ template_id: 'nginx' }),
  'POST /templates/{id}/deploy': ({ ids }) => ({ project_id: ids.projects, name: 'x' }),
  'POST /projects/{id}/import/compose': () => ({ compose: 'services: {web: {image: nginx}}' }),
  'POST /projects': () => ({ name: 'P' }),
  // A test address: refused, but only after access was granted.
  'POST /projects/{id}/webhooks': () => ({ url: 'https://192.0.2.1/' }),
  'POST /projects/{project_id}/services': () => ({ name: 'x', type: 'web' }),
  'POST /services/{id}/action': () => ({ action: 'stop' }),
  'POST /services/{id}/domains': () => ({ hostname: `${randomUUID()}.example.com` }),
  'POST /deployments/{id}/resolve': () => ({ decision: 'retry' }),
  'PUT /services/{id}/previews': () => ({ enabled: true }),
  'POST /services/{id}/previews/{number}/approve': () => ({ commit_hash: 'a'.repeat(40) }),
  'PUT /services/{id}/variables': () => ({ variables: {} }),
  'POST /user/tokens': () => ({ name: 'ci', scopes: ['read'] }),
  'POST /projects/{id}/invitations': () => ({ email: `${randomUUID()}@example.com`, role: 'viewer' }),
  'PUT /projects/{id}/members/{user_id}': () => ({ role: 'developer' }),
  'POST /databases': () => ({ name: `db ${randomUUID()}`, type: 'redis', plan: 'hobby', region: 'local' }),
  'POST /databases/{id}/action': () => ({ action: 'stop' }),
  'POST /databases/{id}/link': ({ ids }) => ({ service_id: ids.services }),
  'POST /databases/{id}/query': () => ({ query: 'SELECT 1' }),
  'POST /databases/{id}/users': () => ({ name: 'x' }),
  'POST /databases/{id}/databases': () => ({ name: 'x' }),
  'POST /databases/{id}/restore': ({ ids }) => ({ backup_id: ids.backups }),
  'POST /backup-targets': () => ({ ...BUCKET, name: randomUUID(), secret_access_key: 'x' }),
  'PUT /databases/{id}/public-access': () => ({ cidrs: [] }),
  'POST /invitations/accept': ({ invitationToken }) => ({ token: invitationToken }),
};

beforeAll(async () => {
  // Nobody answers there: what would ask Docker or DNS is refused at once, after access was granted.
  const nowhere = { DOCKER_HOST: 'unix:///nonexistent/docker.sock', CONTAINR_DNS_SERVERS: '127.0.0.1:1' };
  api = await testApi({ environment: nowhere });
  db = api.app.get(PrismaService);
  for (const name of ['operator', 'stranger', 'spare', ...ROLES]) people[name] = await api.user();
  owner = person('owner');
  operations = routes();
  shared = await fixture();
  elsewhere = (await fixture()).ids.projects as string;
});
afterAll(() => api?.close());

function person(name: string): TestUser {
  const user = people[name];
  if (!user) throw new Error(`nobody is called ${name}`);
  return user;
}

/** From the controllers themselves: nothing can be left out of a document. */
function routes(): Route[] {
  const controllers = [...api.app.get(ModulesContainer).values()].flatMap((module) => [...module.controllers.values()]);
  return controllers.flatMap(({ metatype }) => {
    const prototype = (metatype as { prototype: Record<string, object> }).prototype;
    const base: string = Reflect.getMetadata('path', metatype as object);
    return Object.getOwnPropertyNames(prototype)
      .map((key) => prototype[key] as object)
      .filter((handler) => Reflect.hasMetadata('method', handler))
      .map((handler) => routeOf(base, handler));
  });
}

function routeOf(base: string, handler: object): Route {
  const kind: RequestMethod = Reflect.getMetadata('method', handler);
  const method = kind === RequestMethod.ALL ? '*' : (RequestMethod[kind] as string);
  const parts = `${base}/${Reflect.getMetadata('path', handler)}`.split('/').filter(Boolean);
  const path = `/${parts.map((part) => (part.startsWith(':') ? `{${part.slice(1)}}` : part)).join('/')}`;
  const options = operationOf(handler);
  if (!options) throw new Error(`${method} ${path} has no @Operation`);
  return { name: `${method} ${path}`, method, path, options };
}

/** A project with one of everything; `spare` is a member, too. The invitation is into a project of the operator. */
async function fixture(invited: TestUser = owner): Promise<Fixture> {
  const id = { projects: randomUUID(), services: randomUUID(), deployments: randomUUID(), volumes: randomUUID() };
  const more = {
    invitations: randomUUID(),
    tokens: randomUUID(),
    domains: randomUUID(),
    builds: randomUUID(),
    webhooks: randomUUID(),
    'registry-credentials': randomUUID(),
    providers: randomUUID(),
    templates: 'nginx',
    databases: randomUUID(),
    backups: randomUUID(),
    'backup-targets': randomUUID(),
    deliveries: randomUUID(),
    users: 'somebody',
    previews: '1',
    members: person('spare').id,
  };
  const { secret, hash } = newSecret('cti_');
  const members = [...ROLES.filter((role) => role !== 'owner'), 'spare'].map((name) => ({
    userId: person(name).id,
    role: name === 'spare' ? 'viewer' : name,
  }));
  const invitation = { role: 'viewer', invitedBy: person('operator').id, expiresAt: new Date(Date.now() + 3_600_000) };
  const spare = { ...invitation, id: more.invitations, email: 'x@example.com', tokenHash: randomUUID() };
  await db.project.create({
    data: {
      id: id.projects,
      ownerId: owner.id,
      name: 'P',
      members: { create: members },
      invitations: { create: spare },
    },
  });
  await db.project.create({
    data: {
      id: randomUUID(),
      ownerId: person('operator').id,
      name: 'Q',
      invitations: { create: { ...invitation, id: randomUUID(), email: invited.email, tokenHash: hash } },
    },
  });
  const slug = `web-${id.services}`;
  const url = `https://git.example.com/team/${id.services}`;
  const made = { source: { type: 'git', repository: url }, buildConfig: {}, resources: {} };
  await db.service.create({
    data: { id: id.services, projectId: id.projects, name: 'web', type: 'web', slug, alias: 'web', ...made },
  });
  await db.deployment.create({ data: { id: id.deployments, serviceId: id.services, trigger: 'manual', config: '' } });
  const { projects: projectId, services: serviceId } = id;
  await db.volume.create({
    data: { id: id.volumes, projectId, serviceId, name: 'data', mountPath: '/data', deletedAt: new Date() },
  });
  await db.deployHook.create({ data: { id: randomUUID(), serviceId, secretHash: randomUUID() } });
  const sent = {
    sender: 'github',
    event: 'push',
    payload: { kind: 'ping' },
    status: 'done',
    bodySha256: new Uint8Array(),
  };
  const repository = url.replace('https://', '');
  await db.gitHook.create({
    data: {
      id: randomUUID(),
      projectId,
      repository,
      url,
      secret: '',
      status: 'manual',
      deliveries: { create: { id: more.deliveries, deliveryId: 'x', ...sent } },
    },
  });
  await db.domain.create({ data: { id: more.domains, serviceId, hostname: `${more.domains}.example.com` } });
  await db.build.create({ data: { id: more.builds, projectId, serviceId, imageName: 'web', imageTag: '1' } });
  await db.webhookEndpoint.create({
    data: { id: more.webhooks, projectId, url: 'https://hooks.example.com/', events: ['*'], secret: '' },
  });
  await db.eventDelivery.create({
    data: {
      id: more.deliveries,
      endpoint: { connect: { id: more.webhooks } },
      event: { create: { id: randomUUID(), projectId, type: 'deployment.created', data: {} } },
    },
  });
  const head = {
    title: 'T',
    repository: 'https://github.com/a/b',
    branch: 'b',
    headCommit: 'a'.repeat(40),
    isFork: true,
  };
  await db.preview.create({
    data: { id: randomUUID(), parentId: serviceId, number: 1, expiresAt: new Date(Date.now() + 3_600_000), ...head },
  });
  const login = { registry: `${more['registry-credentials']}.example.com`, username: 'u', password: '' };
  await db.registryCredential.create({ data: { id: more['registry-credentials'], userId: owner.id, ...login } });
  await databaseOf(more.databases, id);
  const token = api.app.get(SecretBox).seal('token', `git-provider:${more.providers}`);
  const provider = { type: 'gitea', name: 'G', baseUrl: 'http://127.0.0.1:1', token };
  await db.gitProvider.create({ data: { id: more.providers, userId: owner.id, ...provider } });
  await backupOf(more, projectId);
  const created = { resource: 'project', resourceId: projectId, projectId, action: 'create' };
  await db.$transaction((tx) => recordAudit(tx, { userId: owner.id, isAdmin: false }, created));
  await apiToken({ id: more.tokens, scopes: ['read'] });
  const entry = { resource: 'service', resourceId: serviceId, action: 'create', projectId };
  await db.$transaction((tx) => recordAudit(tx, { userId: owner.id, isAdmin: false }, entry));
  return { ids: { ...id, ...more, links: serviceId }, invitationToken: secret };
}

/** With a link to the service. */
async function databaseOf(
  id: string,
  { projects: projectId, services: serviceId }: { projects: string; services: string },
) {
  const credentials = sealCredentials(api.app.get(SecretBox), id, newCredentials());
  const volumeId = randomUUID();
  const made = { name: 'main', alias: 'main', type: 'postgresql', version: '15.18', plan: 'hobby', region: 'local' };
  await db.database.create({ data: { id, projectId, volumeId, credentials, ...made } });
  await db.databaseLink.create({ data: { id: randomUUID(), databaseId: id, serviceId, variable: 'A_DATABASE_URL' } });
}

/** One that failed, so that nobody looks for its file. */
async function backupOf(ids: { databases: string; backups: string; 'backup-targets': string }, projectId: string) {
  const made = { databaseId: ids.databases, engine: 'postgresql', version: '15.18', trigger: 'manual' };
  await db.backup.create({ data: { id: ids.backups, projectId, status: 'failed', ...made } });
  const id = ids['backup-targets'];
  const secretKey = api.app.get(SecretBox).seal('x', `backup-target:${id}`);
  const { access_key_id: accessKeyId, ...bucket } = BUCKET;
  await db.backupTarget.create({ data: { id, userId: owner.id, name: id, secretKey, accessKeyId, ...bucket } });
}

/** Past the API, so that it may be expired. @returns the token */
async function apiToken(fields: { scopes: string[]; id?: string; user?: string; projectId?: string | null }) {
  const { user = 'owner', ...data } = fields;
  const { secret, hash } = newSecret('ctr_');
  const row = { id: randomUUID(), userId: person(user).id, name: 't', prefix: 'ctr_', tokenHash: hash, ...data };
  await db.apiToken.create({ data: row });
  return secret;
}

function credentials({ user, scope, bound, flaw }: Actor, { ids }: Fixture): Promise<string> | string {
  if (!scope) return person(user).token;
  const projectId = bound === undefined ? null : bound === 'here' ? (ids.projects as string) : elsewhere;
  return apiToken({ user, scopes: [scope], projectId, ...flaw });
}

function addressed({ name, path }: Route, { ids }: Fixture): string {
  if (path === '/audit-logs/{resource}/{id}') return `/audit-logs/service/${ids.services}`;
  return path.replace(/([\w-]+)\/\{[^}]+\}/g, (_, noun: string) => {
    if (!ids[noun]) throw new Error(`${name}: add an id of "${noun}" to the fixture of this test`);
    return `${noun}/${ids[noun]}`;
  });
}

function bodyFor({ name, options }: Route, fixture: Fixture): object | undefined {
  if (!options.body) return undefined;
  const body = BODIES[name]?.(fixture) ?? {};
  if (!options.body.safeParse(body).success) throw new Error(`${name}: add a body to BODIES of this test`);
  return body;
}

/** `in`: the operation itself answers, whatever it says. */
function expectedOf(route: Route, { user, scope, bound, flaw }: Actor): string {
  const { needs, about } = requirementOf(route.options, route.method);
  if (flaw) return '401 unauthenticated';
  if (scope && !allows(scope, scopeFor(needs))) return '403 scope_missing';
  if (bound && about === 'account') return '403 token_bound_to_project';
  if (OPERATOR_ONLY.includes(route.name)) return user === 'operator' ? 'in' : '403 administrator_only';
  if (about === 'anyone' || !route.path.includes('{')) return 'in';
  if (about === 'account') return user === 'owner' ? 'in' : '404';
  if (bound === 'elsewhere' || !ROLES.some((role) => role === user)) return '404';
  return rolesFor(needs).some((role) => role === user) ? 'in' : '403 role_too_low';
}

function observed(answer: Awaited<ReturnType<TestApi['request']>>): string {
  const { statusCode: status } = answer;
  if (status === 500) return `500 ${answer.body}`;
  if (![401, 403, 404].includes(status)) return 'in';
  const { code } = answer.json();
  return status === 404 && /^(?!route_).*_not_found$/.test(code) ? '404' : `${status} ${code}`;
}

const guarded = () => operations.filter(({ options }) => !options.public);

it('knows which doors are open on purpose', () => {
  expect(guarded().length).toBeGreaterThan(35);
  const open = operations.filter(({ options }) => options.public).map(({ name }) => name);
  expect(open.sort()).toEqual(PUBLIC);
});

it('nobody gets in', async () => {
  for (const route of guarded()) {
    const answer = await api.request(route.method, addressed(route, shared), { body: bodyFor(route, shared) });
    expect([route.name, observed(answer)]).toEqual([route.name, '401 unauthenticated']);
  }
});

it.each(Object.keys(ACTORS))('%s', async (name) => {
  const actor = ACTORS[name] as Actor;
  const token = await credentials(actor, shared);
  for (const route of guarded()) {
    const expected = expectedOf(route, actor);
    // What is let in may change or delete things: it gets its own.
    const own = expected === 'in' && route.method !== 'GET';
    const on = own ? await fixture(person(actor.user)) : shared;
    const as = own && actor.bound === 'here' ? await credentials(actor, on) : token;
    const answer = await api.request(route.method, addressed(route, on), { as, body: bodyFor(route, on) });
    expect([route.name, observed(answer)]).toEqual([route.name, expected]);
  }
}, 120_000);
