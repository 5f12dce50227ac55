/** Previews, with pull requests at a server that behaves as GitHub's does. Deployments are made, not run. */
import { randomUUID } from 'node:crypto';
import { DeploymentReporter } from '#features/deployment-reports/index.js';
import { DeploymentsService } from '#features/deployments/index.js';
import { EventDispatcher, recordDeploymentEvents } from '#features/events/index.js';
import { openVariables } from '#features/services/index.js';
import type { Caller } from '#platform/http/index.js';
import { SecretBox } from '#platform/secrets.js';
import { testConfig } from '#platform/testing/config.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { type Repository, type StandIns, startGitProviders } from '../../../test/git-providers/index.js';
import { PreviewKeeper } from './preview-keeper.js';
import { PreviewServices } from './preview-services.js';
import { PreviewsService } from './previews.service.js';

let providers: StandIns;
let worker: TestWorker;
let previews: PreviewsService;
let repository: Repository;
let parent: { id: string; caller: Caller };
let owner: string;

beforeAll(async () => {
  [providers, worker] = await Promise.all([startGitProviders(), testWorker()]);
  const box = worker.get(SecretBox);
  const queue = { nudge: () => undefined } as never;
  const services = new PreviewServices(worker.db, box, queue, worker.get(DeploymentsService));
  previews = new PreviewsService(worker.db, box, services, testConfig());
}, 30_000);
afterAll(async () => {
  await worker?.close();
  await providers?.close();
});

beforeEach(async () => {
  owner = `o${randomUUID().slice(0, 8)}`;
  const account = providers.github.user(owner);
  repository = await providers.github.createRepo(`${owner}/shop`, { files: { 'a.txt': 'a' } });
  const id = randomUUID();
  const source = { type: 'git', repository: repository.cloneUrl, provider_id: id };
  parent = await worker.service({ source, slug: `shop-${id.slice(0, 8)}`, name: 'shop', alias: 'shop' });
  const box = worker.get(SecretBox);
  const { userId } = parent.caller;
  const provider = { id, userId, type: 'github', name: 'P', baseUrl: providers.github.baseUrl, login: owner };
  await worker.db.gitProvider.create({ data: { ...provider, token: box.seal(account.token, `git-provider:${id}`) } });
  const variable = (key: string, value: string, secret: boolean) => ({
    ...{ id: randomUUID(), serviceId: parent.id, key, secret },
    value: box.seal(value, `variable:${parent.id}:${key}`),
  });
  await worker.db.variable.createMany({ data: [variable('COLOR', 'red', false), variable('KEY', 's3cret', true)] });
  await switchOn();
});

const switchOn = (enabled = true) =>
  previews.put(parent.caller, parent.id, {
    ...{ enabled, ttl_hours: 24 },
    variables: { COLOR: { value: 'blue', secret: false }, OWN: { value: 'own', secret: true } },
  });
const keeper = () => worker.get(PreviewKeeper);
const list = async () => (await previews.list(parent.caller, parent.id)).previews;
/** The sweeper's round, with everything due. */
async function round(): Promise<void> {
  await worker.db.previewSetting.updateMany({ data: { nextCheckAt: new Date(0) } });
  await keeper().round();
}

async function pushed(to: Repository, text: string): Promise<string> {
  return to.push({ 'a.txt': text }, { branch: 'change' });
}

const commits = async (serviceId: string | null) =>
  (await worker.db.deployment.findMany({ where: { serviceId: serviceId ?? '' }, orderBy: { createdAt: 'asc' } })).map(
    ({ commitHash }) => commitHash,
  );

async function variablesOf(serviceId: string | null) {
  return (await openVariables(worker.db, worker.get(SecretBox), serviceId ?? '')).variables;
}

it('opens with the pull request, follows pushes, closes with it', async () => {
  const first = await pushed(repository, 'one');
  const pull = await providers.github.openPull(repository, { branch: 'change' });
  expect(await keeper().look(parent.id, pull.number)).toMatchObject({ deploymentId: expect.any(String) });
  const [shown] = await list();
  expect(shown).toMatchObject({ number: 1, status: 'open', is_fork: false, head_commit: first, branch: 'change' });
  expect(shown?.url).toMatch(/^http:\/\/shop-[0-9a-f]{8}-pr-1\./);
  const service = await worker.db.service.findUniqueOrThrow({ where: { id: shown?.service_id ?? '' } });
  expect(service).toMatchObject({ name: 'shop-pr-1', triggers: { auto_deploy: false } });
  expect(await variablesOf(service.id)).toEqual({ COLOR: 'blue', KEY: 's3cret', OWN: 'own', PREVIEW: 'true' });
  expect(await commits(service.id)).toEqual([first]);
  // The same delivery again, and a look at everything, change nothing.
  await keeper().look(parent.id, pull.number);
  await round();
  expect(await commits(service.id)).toEqual([first]);
  const second = await pushed(repository, 'two');
  pull.commit = second;
  await keeper().look(parent.id, pull.number);
  expect(await commits(service.id)).toEqual([first, second]);
  pull.state = 'merged';
  await keeper().look(parent.id, pull.number);
  expect((await list())[0]).toMatchObject({ status: 'closed', close_reason: 'closed', url: null });
  expect(await worker.db.service.findUniqueOrThrow({ where: { id: service.id } })).toMatchObject({
    deletedAt: expect.any(Date),
  });
  pull.state = 'open';
  await keeper().look(parent.id, pull.number);
  expect((await list())[0]?.url).toContain('-pr-1-2.');
});

it('gives a fork no secrets and builds exactly the head that was allowed', async () => {
  const stranger = `s${randomUUID().slice(0, 8)}`;
  providers.github.user(stranger);
  repository.members.add(stranger);
  const fork = await providers.github.fork(repository, stranger);
  fork.members.add(owner);
  const first = await pushed(fork, 'one');
  const pull = await providers.github.openPull(repository, { from: fork, branch: 'change' });
  await keeper().look(parent.id, pull.number);
  await round();
  expect((await list())[0]).toMatchObject({ status: 'waiting_for_approval', service_id: null, is_fork: true });
  const refused = previews.approve(parent.caller, parent.id, 1, 'f'.repeat(40));
  await expect(refused).rejects.toMatchObject({ code: 'preview_head_moved' });
  const { service_id: id } = await previews.approve(parent.caller, parent.id, 1, first);
  expect(await commits(id)).toEqual([first]);
  expect(await variablesOf(id)).toEqual({ COLOR: 'blue', PREVIEW: 'true' });
  // A push withdraws it: the old head may stay, the new one is not built.
  const second = await pushed(fork, 'two');
  pull.commit = second;
  await keeper().look(parent.id, pull.number);
  await round();
  expect((await list())[0]).toMatchObject({
    status: 'waiting_for_approval',
    approved_commit: null,
    head_commit: second,
  });
  expect(await commits(id)).toEqual([first]);
  await expect(previews.approve(parent.caller, parent.id, 1, first)).rejects.toMatchObject({
    code: 'preview_head_moved',
  });
  await previews.approve(parent.caller, parent.id, 1, second);
  expect(await commits(id)).toEqual([first, second]);
});

it('writes one comment and rewrites it', async () => {
  await pushed(repository, 'one');
  await providers.github.openPull(repository, { branch: 'change' });
  await round();
  const report = async () => {
    await worker.get(EventDispatcher).round();
    while ((await worker.get(DeploymentReporter).round()) > 0);
  };
  await report();
  expect(repository.comments.map(({ pull }) => pull)).toEqual([1]);
  expect(repository.comments[0]?.text).toContain('Waiting');
  const serviceId = (await list())[0]?.service_id as string;
  await worker.db.$transaction(async (tx) => {
    const { id } = await tx.deployment.findFirstOrThrow({ where: { serviceId } });
    await tx.deployment.update({ where: { id }, data: { status: 'running', startedAt: new Date() } });
    await recordDeploymentEvents(tx, [id], 'running');
  });
  await report();
  expect(repository.comments).toHaveLength(1);
  expect(repository.comments[0]?.text).toMatch(/Deployed\.\s+http:\/\/shop-/);
  expect(repository.statuses.map(({ body }) => body.state)).toEqual(['pending', 'success']);
});

it('finds what it was never told of: opened and closed pull requests', async () => {
  await pushed(repository, 'one');
  const pull = await providers.github.openPull(repository, { branch: 'change' });
  await round();
  expect((await list())[0]).toMatchObject({ status: 'open' });
  pull.state = 'closed';
  await round();
  expect((await list())[0]).toMatchObject({ status: 'closed' });
});

it('removes a preview after its time, and shows the pull request again only after a push', async () => {
  await pushed(repository, 'one');
  const pull = await providers.github.openPull(repository, { branch: 'change' });
  await round();
  await worker.db.preview.updateMany({ where: { parentId: parent.id }, data: { expiresAt: new Date(0) } });
  await round();
  expect((await list()).map(({ close_reason }) => close_reason)).toEqual(['expired']);
  await round();
  expect(await list()).toHaveLength(1);
  pull.commit = await pushed(repository, 'two');
  await round();
  expect((await list())[0]).toMatchObject({ status: 'open' });
});

it('goes when previews are switched off, or with its service', async () => {
  await pushed(repository, 'one');
  await providers.github.openPull(repository, { branch: 'change' });
  await round();
  await switchOn(false);
  await round();
  expect((await list())[0]).toMatchObject({ close_reason: 'disabled' });
  expect(await keeper().look(parent.id, 1)).toEqual({ reason: 'previews are off', deploymentId: null });
  await switchOn();
  await round();
  await worker.db.service.update({ where: { id: parent.id }, data: { deletedAt: new Date() } });
  await round();
  const open = await worker.db.preview.count({ where: { parentId: parent.id, closedAt: null } });
  expect(open).toBe(0);
});

it('says why the provider could not be asked, and goes on', async () => {
  const setting = () => worker.db.previewSetting.findUniqueOrThrow({ where: { serviceId: parent.id } });
  providers.github.limitRate({ left: 0, seconds: 5 });
  await round();
  expect((await setting()).error).toContain('limits');
  providers.github.limitRate(null);
  await round();
  expect((await setting()).error).toBeNull();
});
