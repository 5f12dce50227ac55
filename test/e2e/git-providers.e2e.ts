/** A private repository at each git provider is found, cloned with its token and served; a revoked token is said to be that. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { GitProviderView } from '#contracts/git.js';
import { type StandIns, startGitProviders } from '../git-providers/index.js';
import { app, nonce } from './apps.js';
import { World } from './harness.js';
import { ask } from './visitors.js';

jest.setTimeout(240_000);

let world: World;
let standIns: StandIns;
let project: { id: string };

beforeAll(async () => {
  standIns = await startGitProviders();
  world = await World.start();
  project = await world.project();
});
afterAll(async () => {
  await world?.close();
  await standIns?.close();
});

/** A user with one private repository at a provider, which the platform is told of. */
async function connected(kind: 'github' | 'gitlab' | 'bitbucket' | 'gitea') {
  const { login, token, email } = standIns[kind].user(`dev-${kind}`);
  const files = app({ version: kind, build: [`RUN echo ${nonce()}`] });
  const repository = await standIns[kind].createRepo(`${login}/app`, { files });
  const username = kind === 'bitbucket' ? { username: email } : {};
  const body = { type: kind, base_url: standIns[kind].baseUrl, access_token: token, ...username };
  const provider: GitProviderView = await world.api.post('/git/providers', body);
  return { login, token, repository, provider };
}

it.each(['github', 'gitlab', 'bitbucket', 'gitea'] as const)('deploys a private repository of %s', async (kind) => {
  const { provider, token, repository } = await connected(kind);
  const [found] = await world.api.get(`/git/providers/${provider.id}/repositories?search=app`);
  expect(found).toMatchObject({ full_name: repository.fullName, private: true, default_branch: 'main' });
  const source = { repository: found.clone_url, provider_id: provider.id };
  const service = await world.service(project, { name: kind, source });
  const deployment = await world.live(service);
  expect(deployment.commit_hash).toBe(await repository.head('main'));
  expect(await ask(world.httpPort, service)).toMatchObject({ version: kind });
  expect(deployment.build_log).not.toContain(token);
  expect(await filesWith(token)).toEqual([]);
});

it('says what to do when the token has been revoked', async () => {
  const { provider, token, repository } = await connected('gitea');
  const source = { repository: repository.cloneUrl, provider_id: provider.id };
  const service = await world.service(project, { name: 'revoked', source });
  standIns.gitea.expireToken(token);
  const failed = await world.decided((await world.deploy(service)).id);
  expect(failed).toMatchObject({
    status: 'failed',
    error: expect.stringMatching(/expired or revoked.*Make a new one/),
  });
});

/** Files of the installation that hold this text; PostgreSQL's have only what is encrypted. */
async function filesWith(text: string): Promise<string[]> {
  const folder = path.join(world.dir, 'data');
  const { stdout } = await promisify(execFile)('grep', ['-rlIF', text, folder]).catch((error) => {
    if (error.code === 1) return { stdout: '' }; // found nothing
    throw error;
  });
  return stdout.split('\n').filter(Boolean);
}
