/** All four providers against servers that play them, with real git. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { EgressGuard } from '#platform/egress.js';
import { type StandIns, startGitProviders } from '../../../test/git-providers/index.js';
import { fetchRequest } from '../source/conformance.js';
import { GitSource } from '../source/git-source.js';
import { accountOf, providerConformance } from './conformance.js';
import { HttpGitProviders } from './git-providers.js';
import { PROVIDER_KINDS } from './port.js';

let standIns: StandIns;
let folder: string;
const guard = new EgressGuard({ allow: ['127.0.0.0/8'], deny: [] });
const providers = new HttpGitProviders(guard);
const subjectOf = (kind: (typeof PROVIDER_KINDS)[number]) => ({
  standIn: standIns[kind],
  open: providers.open.bind(providers),
});

beforeAll(async () => {
  standIns = await startGitProviders();
  folder = await mkdtemp(path.join(os.tmpdir(), 'containr-clone-'));
});
afterAll(async () => {
  await standIns?.close();
  await rm(folder, { recursive: true, force: true });
});

for (const kind of PROVIDER_KINDS) providerConformance(kind, () => subjectOf(kind));

describe.each(PROVIDER_KINDS)('git at %s', (kind) => {
  it('fetches a private repository with the credentials, which stay out of the repository', async () => {
    const subject = subjectOf(kind);
    const user = subject.standIn.user(`git-${kind}`);
    const repository = await subject.standIn.createRepo(`${user.login}/private`, { files: { a: '1' } });
    const { credentials } = subject.open(accountOf(subject, user));
    const source = new GitSource({ dataDir: folder, guard });
    const never = new AbortController().signal;
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const request = fetchRequest(repository.cloneUrl, { log });
    const withLogin = { ...request, remote: { url: repository.cloneUrl, credentials } };
    const { commit } = await source.fetch(withLogin, never);
    expect(commit).toBe(await repository.head('main'));
    const config = await readFile(path.join(folder, 'repositories', `${request.repository}.git`, 'config'), 'utf8');
    expect(config + lines.join()).not.toContain(user.token);
    await expect(source.fetch(fetchRequest(repository.cloneUrl), never)).rejects.toMatchObject({
      code: 'repository_auth_required',
    });
    const stranger = subject.standIn.user(`stranger-${kind}`);
    const other = subject.open(accountOf(subject, stranger)).credentials;
    await expect(
      source.fetch(
        { ...fetchRequest(repository.cloneUrl), remote: { url: repository.cloneUrl, credentials: other } },
        never,
      ),
    ).rejects.toMatchObject({ code: 'repository_not_found' });
    subject.standIn.expireToken(user.token);
    await expect(
      source.fetch({ ...fetchRequest(repository.cloneUrl), remote: withLogin.remote }, never),
    ).rejects.toMatchObject({ code: 'repository_auth_required' });
  });
});

it('Bitbucket: an access token may not say whose it is, nor list', async () => {
  const { standIn } = subjectOf('bitbucket');
  const { token, login } = standIn.user('robot', { mayReadUser: false });
  const repository = await standIn.createRepo(`${login}/app`, { files: { a: '1' } });
  const api = providers.open({ kind: 'bitbucket', baseUrl: standIn.baseUrl, token, username: null });
  expect(await api.check()).toMatchObject({ login: null });
  expect(await api.repository(repository.fullName)).toMatchObject({ defaultBranch: 'main' });
  await expect(api.repositories({ page: 1, limit: 5 })).rejects.toMatchObject({ code: 'provider_cannot_list' });
});

it('Bitbucket: several workspaces make one list', async () => {
  const { standIn } = subjectOf('bitbucket');
  const me = standIn.user('both');
  for (const name of ['both/a', 'both/b', 'team/c', 'team/d']) (await standIn.createRepo(name)).members.add(me.login);
  const api = providers.open({ kind: 'bitbucket', baseUrl: standIn.baseUrl, token: me.token, username: me.email });
  const second = await api.repositories({ page: 2, limit: 3 });
  expect([second.total, second.next, second.items.map(({ fullName }) => fullName)]).toEqual([4, null, ['team/d']]);
});

it('GitLab: a project in a subgroup', async () => {
  const { standIn } = subjectOf('gitlab');
  const me = standIn.user('group');
  const repository = await standIn.createRepo('group/sub/app', { files: { a: '1' } });
  const api = providers.open({ kind: 'gitlab', baseUrl: standIn.baseUrl, token: me.token, username: null });
  expect(api.fullNameOf(repository.cloneUrl)).toBe('group/sub/app');
  expect(await api.head('group/sub/app', 'main')).toBe(await repository.head('main'));
});

it('Gitea: a receiver that ALLOWED_HOST_LIST refuses gets nothing, and the advice says what to set', async () => {
  const { standIn } = subjectOf('gitea');
  const me = standIn.user('lan');
  const { fullName } = await standIn.createRepo('lan/app', { files: { a: '1' } });
  const api = providers.open({ kind: 'gitea', baseUrl: standIn.baseUrl, token: me.token, username: null });
  const hook = { url: 'http://127.0.0.1:1/', secret: 's', events: ['push' as const] };
  const { id } = await api.ensureHook(fullName, hook);
  standIn.allowedHosts = 'external';
  const { outcome, advice } = await api.testHook(fullName, id);
  await standIn.settled();
  standIn.allowedHosts = '*';
  expect([outcome, advice]).toEqual(['sent', expect.stringContaining('ALLOWED_HOST_LIST')]);
  expect(standIn.deliveries.at(-1)).toMatchObject({
    status: null,
    error: expect.stringContaining('allowed HTTP servers'),
  });
});
