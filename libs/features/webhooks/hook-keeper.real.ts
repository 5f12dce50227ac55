/** Hooks at providers that are played by small servers; what they deliver to answers 200. */
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { PROVIDER_KINDS } from '#drivers/git-providers/port.js';
import { CONFIG, type Config } from '#platform/config.js';
import { SecretBox } from '#platform/secrets.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { type Repository, type StandIns, startGitProviders } from '../../../test/git-providers/index.js';
import { HookKeeper } from './index.js';

let standIns: StandIns;
let worker: TestWorker;
let receiver: http.Server;
const never = new AbortController().signal;

beforeAll(async () => {
  standIns = await startGitProviders();
  worker = await testWorker();
  receiver = http.createServer((request, response) => void request.resume().on('end', () => response.end('ok')));
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const config = worker.get<Config>(CONFIG as never);
  config.CONTAINR_PUBLIC_URL = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await worker?.close();
  await standIns?.close();
  await new Promise((resolve) => receiver.close(resolve));
});

const round = async (providerId: string) => {
  await worker.db.gitHook.updateMany({ where: { providerId }, data: { nextCheckAt: new Date(0) } });
  await worker.get(HookKeeper).round(never);
};
/** As if the API had taken a delivery. */
const hear = async (providerId: string) => {
  const { id } = await worker.db.gitHook.findFirstOrThrow({ where: { providerId } });
  const sent = {
    sender: 'gitea',
    event: 'push',
    payload: { kind: 'ping' },
    status: 'ignored',
    bodySha256: new Uint8Array(),
  };
  await worker.db.webhookDelivery.create({ data: { id: randomUUID(), hookId: id, deliveryId: 'x', ...sent } });
};
const stored = (providerId: string) => worker.db.gitHook.findMany({ where: { providerId } });

describe.each(PROVIDER_KINDS)('%s', (kind) => {
  async function connected() {
    const standIn = standIns[kind];
    const account = standIn.user(`user-${randomUUID().slice(0, 8)}`);
    const repository = await standIn.createRepo(`${account.login}/app`, { files: { a: '1' } });
    const id = randomUUID();
    const source = { type: 'git', repository: repository.cloneUrl, provider_id: id };
    const service = await worker.service({ source });
    await worker.db.gitProvider.create({
      data: {
        id,
        userId: service.caller.userId,
        type: kind,
        name: kind,
        baseUrl: standIn.baseUrl,
        username: kind === 'bitbucket' ? account.email : null,
        token: worker.get(SecretBox).seal(account.token, `git-provider:${id}`),
      },
    });
    return { standIn, account, repository, id, service, source };
  }
  const hooksOf = (repository: Repository) => repository.hooks.map(({ url }) => url);

  it('makes one hook for all services of a repository, and removes it when none needs it', async () => {
    const { repository, id, service, source } = await connected();
    const other = await worker.service({ source, alias: 'other' });
    await round(id);
    const [hook] = await stored(id);
    expect(hook).toMatchObject({ status: 'active', failures: 0, externalId: expect.any(String) });
    expect(hooksOf(repository)).toEqual([expect.stringMatching(new RegExp(`/api/v1/webhooks/git/${hook?.id}$`))]);
    await round(id);
    expect(hooksOf(repository)).toHaveLength(1);
    await worker.db.service.update({ where: { id: service.id }, data: { deletedAt: new Date() } });
    await round(id);
    expect(hooksOf(repository)).toHaveLength(1);
    await worker.db.service.update({ where: { id: other.id }, data: { deletedAt: new Date() } });
    await round(id);
    expect([hooksOf(repository), await stored(id)]).toEqual([[], []]);
  });

  it('repairs a hook that was deleted or changed there, and takes a new secret there', async () => {
    const { repository, id } = await connected();
    await round(id);
    await hear(id);
    repository.hooks.splice(0);
    await round(id);
    expect(hooksOf(repository)).toHaveLength(1);
    const [hook] = repository.hooks;
    const events = hook?.events;
    if (hook) hook.events = [];
    await round(id);
    expect(repository.hooks.map((one) => one.events)).toEqual([events]);
    const secret = hook?.secret;
    const [row] = await stored(id);
    const next = worker.get(SecretBox).seal('the next secret', `git-hook:${row?.id}`);
    await worker.db.gitHook.updateMany({ where: { id: row?.id ?? '' }, data: { secret: next, status: 'pending' } });
    await round(id);
    expect(repository.hooks[0]?.secret).toBe('the next secret');
    expect(secret).not.toBe('the next secret');
    expect((await stored(id))[0]?.status).toBe('active');
  });

  it('shows why it could not, tries again later, and holds up no service', async () => {
    const { standIn, account, repository, id } = await connected();
    standIn.expireToken(account.token);
    await round(id);
    expect((await stored(id))[0]).toMatchObject({ status: 'failed', errorCode: 'provider_token_refused', failures: 1 });
    expect(hooksOf(repository)).toEqual([]);
    const row = await worker.db.gitProvider.findUniqueOrThrow({ where: { id } });
    const token = worker.get(SecretBox).seal(standIn.token(account.login), `git-provider:${id}`);
    await worker.db.gitProvider.update({ where: { id: row.id }, data: { token } });
    await round(id);
    expect((await stored(id))[0]).toMatchObject({ status: 'active', failures: 0 });
  });
});

it("says what to set when Gitea's ALLOWED_HOST_LIST refuses the platform", async () => {
  const standIn = standIns.gitea;
  const account = standIn.user('homelab');
  const repository = await standIn.createRepo('homelab/app', { files: { a: '1' } });
  const id = randomUUID();
  const service = await worker.service({ source: { type: 'git', repository: repository.cloneUrl, provider_id: id } });
  const token = worker.get(SecretBox).seal(account.token, `git-provider:${id}`);
  const row = { id, userId: service.caller.userId, type: 'gitea', name: 'g', baseUrl: standIn.baseUrl, token };
  await worker.db.gitProvider.create({ data: row });
  standIn.allowedHosts = 'external';
  await round(id);
  expect((await stored(id))[0]).toMatchObject({ status: 'active', errorCode: 'webhook_unconfirmed' });
  await round(id);
  const [hook] = await stored(id);
  expect(hook).toMatchObject({
    status: 'failed',
    errorCode: 'webhook_not_delivered',
    error: expect.stringContaining('ALLOWED_HOST_LIST'),
  });
  standIn.allowedHosts = '*';
  await hear(id);
  await round(id);
  expect((await stored(id))[0]).toMatchObject({ status: 'active', errorCode: null });
});
