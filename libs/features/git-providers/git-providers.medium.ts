/** Git providers through the API, against servers that play them; and what a service may do with one. */
import { randomUUID } from 'node:crypto';
import { type TestApi, type TestUser, testApi } from '../../../test/factories/api.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { type StandIn, type StandIns, startGitProviders } from '../../../test/git-providers/index.js';
import { PrismaService } from '../../platform/prisma/prisma.service.js';
import { SecretBox } from '../../platform/secrets.js';

let standIns: StandIns;
let api: TestApi;
let me: TestUser;
let other: TestUser;

beforeAll(async () => {
  standIns = await startGitProviders();
  api = await testApi({ environment: { CONTAINR_EGRESS_ALLOW: '127.0.0.1/32' } });
  me = await api.user();
  other = await api.user();
});
afterAll(async () => {
  await api?.close();
  await standIns?.close();
});

const bodyFor = (standIn: StandIn, token: string, email: string) => ({
  type: standIn.kind,
  base_url: standIn.baseUrl,
  access_token: token,
  ...(standIn.kind === 'bitbucket' ? { username: email } : {}),
});
const person = () => `p${randomUUID().slice(0, 8)}`;

async function add(standIn: StandIn, as = me) {
  const account = standIn.user(person());
  const answer = await api.request('POST', '/git/providers', {
    as,
    body: bodyFor(standIn, account.token, account.email),
  });
  if (answer.statusCode !== 201) throw new Error(answer.body);
  return { ...account, provider: answer.json() };
}

describe.each(['github', 'gitlab', 'bitbucket', 'gitea'] as const)('%s', (kind) => {
  it('is added with a token that works, and lists repositories', async () => {
    const { login, token, provider } = await add(standIns[kind]);
    const host = new URL(standIns.origin).host;
    expect(provider).toMatchObject({ type: kind, login, access_token: '********', name: `${host} (${login})` });
    const row = await api.app.get(PrismaService).gitProvider.findUniqueOrThrow({ where: { id: provider.id } });
    expect(JSON.stringify(row)).not.toContain(token);
    expect(api.app.get(SecretBox).open(row.token, `git-provider:${row.id}`)).toBe(token);

    await standIns[kind].createRepo(`${login}/one`, { files: { a: '1' } });
    await standIns[kind].createRepo(`${login}/two`, { isPrivate: false, files: { a: '1' } });
    const path = `/git/providers/${provider.id}/repositories`;
    const first = await api.request('GET', path, { as: me, query: { limit: '1' } });
    expect(first.statusCode).toBe(200);
    expect(first.json()).toHaveLength(1);
    expect(first.headers['x-next-page']).toBe('2');
    const found = await api.request('GET', path, { as: me, query: { search: 'TW' } });
    const clone_url = `${standIns[kind].baseUrl}/${login}/two.git`;
    const expected = {
      name: 'two',
      full_name: `${login}/two`,
      private: false,
      default_branch: 'main',
      clone_url,
      description: '',
    };
    expect(found.json()).toMatchObject([expected]);
    expect(found.headers['x-next-page']).toBeUndefined();
  });

  it('is refused with a token that does not work', async () => {
    const { token, email } = standIns[kind].user(person());
    standIns[kind].expireToken(token);
    const body = bodyFor(standIns[kind], token, email);
    const answer = await api.request('POST', '/git/providers', { as: me, body });
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'provider_token_refused']);
    expect(answer.body + api.log.join()).not.toContain(token);
  });
});

describe('what belongs to whom', () => {
  it('nobody sees or changes another’s', async () => {
    const { provider } = await add(standIns.github);
    const path = `/git/providers/${provider.id}`;
    expect((await api.request('GET', '/git/providers', { as: other })).json()).toEqual([]);
    expect((await api.request('GET', '/git/providers', { as: me })).json()).toContainEqual(provider);
    for (const [method, url] of [
      ['GET', `${path}/repositories`],
      ['PATCH', path],
      ['DELETE', path],
    ] as const) {
      const answer = await api.request(method, url, {
        as: other,
        body: method === 'PATCH' ? { name: 'x' } : undefined,
      });
      expect([method, answer.statusCode, answer.json().code]).toEqual([method, 404, 'git_provider_not_found']);
    }
  });

  it('a token is replaced by one that works only', async () => {
    const { provider, login, token } = await add(standIns.gitlab);
    const path = `/git/providers/${provider.id}`;
    standIns.gitlab.expireToken(token);
    const list = () => api.request('GET', `${path}/repositories`, { as: me });
    expect((await list()).json().code).toBe('provider_token_refused');
    const wrong = await api.request('PATCH', path, { as: me, body: { access_token: 'nonsense' } });
    expect([wrong.statusCode, wrong.json().code]).toEqual([400, 'provider_token_refused']);
    const body = { name: 'Work', access_token: standIns.gitlab.token(login) };
    expect((await api.request('PATCH', path, { as: me, body })).json()).toMatchObject({ name: 'Work', login });
    expect((await list()).statusCode).toBe(200);
  });

  it('says what is wrong with the request', async () => {
    const refused = async (body: object) => {
      const answer = await api.request('POST', '/git/providers', { as: me, body });
      return `${answer.statusCode} ${answer.json().code} ${answer.body}`;
    };
    expect(await refused({ type: 'svn', access_token: 'x' })).toMatch(/^400 validation_failed/);
    expect(await refused({ type: 'gitea', access_token: 'x' })).toMatch(/^400 validation_failed .*base_url/);
    expect(await refused({ type: 'github', access_token: 'a b' })).toMatch(/^400 validation_failed .*access_token/);
    expect(await refused({ type: 'github', access_token: 'x', username: 'me' })).toMatch(/^400 .*username/);
    const at = (base_url: string) => ({ type: 'gitea', access_token: 'x', base_url });
    expect(await refused(at('http://169.254.169.254'))).toMatch(/^400 url_refused/);
    expect(await refused(at(standIns.origin))).toMatch(/^400 provider_address_wrong/);
    expect(await refused(at('http://127.0.0.1:1'))).toMatch(/^503 provider_unavailable/);
  });

  it('a rate limit is passed on', async () => {
    const { provider } = await add(standIns.github);
    try {
      standIns.github.limitRate({ left: 0, seconds: 40 });
      const answer = await api.request('GET', `/git/providers/${provider.id}/repositories`, { as: me });
      expect([answer.statusCode, answer.json().code]).toEqual([503, 'provider_rate_limited']);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(20);
    } finally {
      standIns.github.limitRate(null);
    }
  });
});

describe('the source of a service', () => {
  let project: string;
  beforeAll(async () => {
    project = (await api.request('POST', '/projects', { as: me, body: { name: 'P' } })).json().id;
    const body = { email: other.email, role: 'developer' };
    const { token } = (await api.request('POST', `/projects/${project}/invitations`, { as: me, body })).json();
    await api.request('POST', '/invitations/accept', { as: other, body: { token } });
  });
  const create = (source: object, as: TestUser | string = me) =>
    api.request('POST', `/projects/${project}/services`, { as, body: { name: person(), type: 'web', source } });

  it('names a provider of the caller, where its repository is', async () => {
    const { provider, login } = await add(standIns.github);
    const repository = `${standIns.github.baseUrl}/${login}/app.git`;
    const made = await create({ repository, provider_id: provider.id });
    expect([made.statusCode, made.json().source]).toEqual([201, { type: 'git', repository, provider_id: provider.id }]);
    const code = async (source: object, as?: TestUser | string) => {
      const answer = await create(source, as);
      return `${answer.statusCode} ${answer.json().code}`;
    };
    expect(await code({ repository, provider_id: randomUUID() })).toBe('400 git_provider_not_found');
    expect(await code({ repository, provider_id: provider.id }, other)).toBe('400 git_provider_not_found');
    expect(await code({ provider_id: provider.id })).toBe('400 validation_failed');
    const elsewhere = 'http://127.0.0.1:1/a/b.git';
    expect(await code({ repository: elsewhere, provider_id: provider.id })).toBe('400 repository_not_at_provider');
    const bound = await api.request('POST', '/user/tokens', {
      as: me,
      body: { name: 'ci', scopes: ['write'], project_id: project },
    });
    expect(await code({ repository, provider_id: provider.id }, bound.json().token)).toBe('403 token_bound_to_project');
  });

  it('another member keeps it but takes the token to no other repository', async () => {
    const { provider, login } = await add(standIns.gitea);
    const repository = `${standIns.gitea.baseUrl}/${login}/app.git`;
    const source = { repository, provider_id: provider.id };
    const { id } = (await create(source)).json();
    const change = (next: object) => api.request('PUT', `/services/${id}`, { as: other, body: { source: next } });
    expect((await change({ ...source, root_directory: 'web' })).statusCode).toBe(200);
    const taken = await change({ ...source, repository: repository.replace('/app', '/secret') });
    expect([taken.statusCode, taken.json().code]).toEqual([400, 'git_provider_not_found']);

    const removed = await api.request('DELETE', `/git/providers/${provider.id}`, { as: me });
    expect([removed.statusCode, removed.json().code]).toEqual([409, 'git_provider_in_use']);
    await change({ repository });
    expect((await api.request('DELETE', `/git/providers/${provider.id}`, { as: me })).statusCode).toBe(204);
  });
});

describe('a deployment', () => {
  let worker: TestWorker;
  beforeAll(async () => {
    worker = await testWorker();
  });
  afterAll(() => worker?.close());

  it('fetches with the token, and says so when it has been revoked or the provider removed', async () => {
    const { login, token } = standIns.github.user(person());
    const repository = `${standIns.github.baseUrl}/${login}/app.git`;
    const id = randomUUID();
    const sealed = worker.get(SecretBox).seal(token, `git-provider:${id}`);
    const source = { type: 'git', repository, provider_id: id };
    const service = await worker.service({ source });
    const provider = { id, userId: service.caller.userId, type: 'github', name: 'G', baseUrl: standIns.github.baseUrl };
    await worker.db.gitProvider.create({ data: { ...provider, token: sealed } });
    worker.source.remote(repository).auth = { username: 'x-access-token', password: token };
    const deploy = async (text: string) => {
      worker.source.commit(repository, 'main', { Dockerfile: 'FROM scratch\n', text });
      const made = await worker.deployments.create(service.caller, service.id);
      await worker.settle();
      return worker.db.deployment.findUniqueOrThrow({ where: { id: made.id } });
    };
    expect(await deploy('one')).toMatchObject({ status: 'running', error: null });

    standIns.github.expireToken(token);
    worker.source.remote(repository).auth = { username: 'x-access-token', password: 'another' };
    const revoked = await deploy('two');
    expect([revoked.status, revoked.errorCode]).toEqual(['failed', 'provider_token_refused']);
    expect(revoked.error).toMatch(/expired or revoked/);

    await worker.db.gitProvider.delete({ where: { id } });
    expect((await deploy('three')).errorCode).toBe('git_provider_removed');
    const steps = await worker.db.$queryRaw<{ params: unknown }[]>`SELECT params FROM run_steps`;
    expect(JSON.stringify(steps)).not.toContain(token);
  });

  it('a repository that the provider does not have is not blamed on the token', async () => {
    const { login, token } = standIns.github.user(person());
    const repository = `${standIns.github.baseUrl}/${login}/none.git`;
    const id = randomUUID();
    const service = await worker.service({ source: { type: 'git', repository, provider_id: id } });
    const provider = { id, userId: service.caller.userId, type: 'github', name: 'G', baseUrl: standIns.github.baseUrl };
    await worker.db.gitProvider.create({
      data: { ...provider, token: worker.get(SecretBox).seal(token, `git-provider:${id}`) },
    });
    const made = await worker.deployments.create(service.caller, service.id);
    await worker.settle();
    const { errorCode } = await worker.db.deployment.findUniqueOrThrow({ where: { id: made.id } });
    expect(errorCode).toBe('repository_not_found');
  });
});
