/** What git providers are told, at servers that behave as theirs do. */
import { randomUUID } from 'node:crypto';
import { EventDispatcher, recordDeploymentEvents } from '#features/events/index.js';
import { SecretBox } from '#platform/secrets.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { type Repository, type StandIn, type StandIns, startGitProviders } from '../../../test/git-providers/index.js';
import { DeploymentReporter } from './reporter.js';
import { reportOf } from './reports.queries.js';

let providers: StandIns;
let worker: TestWorker;

beforeAll(async () => {
  [providers, worker] = await Promise.all([startGitProviders(), testWorker()]);
}, 30_000);
afterAll(async () => {
  await worker?.close();
  await providers?.close();
});

async function connected(standIn: StandIn) {
  const owner = `o${randomUUID().slice(0, 8)}`;
  const account = standIn.user(owner);
  const repository = await standIn.createRepo(`${owner}/shop`, { files: { 'a.txt': 'a' } });
  const id = randomUUID();
  const token = worker.get(SecretBox).seal(account.token, `git-provider:${id}`);
  const source = { type: 'git', repository: repository.cloneUrl, provider_id: id };
  const service = await worker.service({ source, slug: `shop-${id.slice(0, 8)}`, name: 'shop' });
  const username = standIn.kind === 'bitbucket' ? account.email : null;
  await worker.db.gitProvider.create({
    data: {
      id,
      userId: service.caller.userId,
      type: standIn.kind,
      name: 'P',
      baseUrl: standIn.baseUrl,
      username,
      token,
    },
  });
  const commit = (await repository.head('main')) as string;
  return { account, repository, service, commit, provider: id };
}

type What = Parameters<typeof recordDeploymentEvents>[2];

/** Moved as the workflow does: the row and its event in one transaction. */
async function become(id: string, status: string, what: What, more: object = {}): Promise<void> {
  await worker.db.$transaction(async (tx) => {
    await tx.deployment.update({ where: { id }, data: { status, ...more } });
    await recordDeploymentEvents(tx, [id], what);
  });
}

async function created(serviceId: string, commitHash: string | null): Promise<string> {
  const id = randomUUID();
  const row = { id, serviceId, status: 'pending', trigger: 'webhook', config: '', branch: 'main', commitHash };
  await worker.db.deployment.create({ data: row });
  await worker.db.$transaction((tx) => recordDeploymentEvents(tx, [id], 'created'));
  return id;
}

/** Hands the events on and tells what is due. */
async function report(): Promise<void> {
  await worker.get(EventDispatcher).round();
  while ((await worker.get(DeploymentReporter).round()) > 0);
}

const due = (deploymentId: string) =>
  worker.db.deploymentReport.updateMany({
    where: { deploymentId, nextAttemptAt: { not: null } },
    data: { nextAttemptAt: new Date(0) },
  });
const told = (repository: Repository) => repository.statuses.map(({ body }) => body.state ?? body.status);

/** Each provider's words for pending, success and failure. */
const WORDS = {
  github: ['pending', 'success', 'failure'],
  gitlab: ['pending', 'success', 'failed'],
  bitbucket: ['INPROGRESS', 'SUCCESSFUL', 'FAILED'],
  gitea: ['pending', 'success', 'failure'],
} as const;

it.each(['github', 'gitlab', 'bitbucket', 'gitea'] as const)('%s: pending, then success, once each', async (kind) => {
  const { repository, service, commit } = await connected(providers[kind]);
  const id = await created(service.id, commit);
  await report();
  await become(id, 'building', 'building', { startedAt: new Date() });
  await report();
  await become(id, 'running', 'running');
  await report();
  await report();
  const [pending, success, failure] = WORDS[kind];
  expect(told(repository)).toEqual([pending, success]);
  expect(repository.statuses.every((status) => status.commit === commit)).toBe(true);
  expect(JSON.stringify(repository.statuses[0]?.body)).toContain('containr/shop');
  expect(JSON.stringify(repository.statuses[1]?.body)).toContain(`http://shop-`);
  if (kind === 'github' || kind === 'gitlab') expect(repository.deployments).toHaveLength(1);
  else expect(repository.deployments).toHaveLength(0);
  expect(await reportOf(worker.db, id)).toMatchObject({ state: 'success', error: null });
  const next = await created(service.id, commit);
  await become(next, 'failed', 'failed', { startedAt: new Date(), error: 'secret text', errorCode: 'build_failed' });
  await become(id, 'superseded', 'superseded');
  await report();
  expect(told(repository)).toEqual([pending, success, failure]);
  const said = JSON.stringify([repository.statuses, repository.deployments.map(({ states }) => states)]);
  expect(said).toContain('build_failed');
  expect(said).not.toContain('secret text');
});

it('waits for a commit that is not known yet', async () => {
  const { repository, service, commit } = await connected(providers.github);
  const id = await created(service.id, null);
  await report();
  expect(repository.statuses).toHaveLength(0);
  await worker.db.deployment.update({ where: { id }, data: { commitHash: commit } });
  await due(id);
  await report();
  expect(told(repository)).toEqual(['pending']);
});

it('tries again what may pass, shows what does not, and never touches the deployment', async () => {
  const { account, repository, service, commit, provider } = await connected(providers.github);
  providers.github.limitRate({ left: 0, seconds: 1 });
  const id = await created(service.id, commit);
  await report();
  expect(repository.statuses).toHaveLength(0);
  expect(await reportOf(worker.db, id)).toMatchObject({ state: null, error_code: 'provider_rate_limited' });
  providers.github.limitRate(null);
  await due(id);
  await report();
  expect(told(repository)).toEqual(['pending']);
  expect(await reportOf(worker.db, id)).toMatchObject({ state: 'pending', error: null });
  providers.github.expireToken(account.token);
  await become(id, 'running', 'running', { startedAt: new Date() });
  await report();
  expect(await reportOf(worker.db, id)).toMatchObject({ state: 'pending', error_code: 'provider_token_refused' });
  const refused = await worker.db.deploymentReport.findUniqueOrThrow({ where: { deploymentId: id } });
  expect(refused.nextAttemptAt).toBeNull();
  await worker.db.gitProvider.delete({ where: { id: provider } });
  await become(id, 'superseded', 'superseded');
  await report();
  expect(await reportOf(worker.db, id)).toMatchObject({ error_code: 'git_provider_removed' });
  expect(await worker.db.deployment.findUniqueOrThrow({ where: { id } })).toMatchObject({ error: null });
});

it('goes on with the same provider deployment after a crash in between', async () => {
  const { repository, service, commit } = await connected(providers.github);
  const id = await created(service.id, commit);
  await report();
  // As if the worker had died before it recorded what it had said.
  await worker.db.deploymentReport.update({
    where: { deploymentId: id },
    data: { reported: null, nextAttemptAt: new Date(0) },
  });
  await report();
  expect(repository.deployments).toHaveLength(1);
  expect(new Set(told(repository))).toEqual(new Set(['pending']));
});

it('does not lose what happens while it is telling', async () => {
  const { repository, service, commit } = await connected(providers.github);
  const id = await created(service.id, commit);
  await worker.get(EventDispatcher).round();
  const round = worker.get(DeploymentReporter).round();
  await become(id, 'running', 'running', { startedAt: new Date() });
  await worker.get(EventDispatcher).round();
  await round;
  await report();
  expect(told(repository).at(-1)).toBe('success');
});

it('says nothing of a service without a provider', async () => {
  const service = await worker.service({ slug: `w-${randomUUID()}` });
  const id = await created(service.id, 'a'.repeat(40));
  await report();
  expect(await reportOf(worker.db, id)).toBeNull();
});
