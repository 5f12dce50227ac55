/** Deliveries as the senders send them, over HTTP to the API, worked on by the worker: PostgreSQL is real, git and Docker are fakes. */
import { FakeSource } from '#drivers/source/fake.js';
import { DeployHooksApiModule } from '#features/deploy-hooks/index.js';
import { Unavailable } from '#platform/errors.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { type LogsApi, logsApi } from '../logs/testing/logs-api.js';
import type { Sender } from './git-event.js';
import { DeliveryWork, MissedPushes, WebhooksApiModule } from './index.js';
import { type Delivery, type Push, pullDelivery, pushDelivery, signed } from './testing/payloads.js';

const URL_OF = 'https://git.example.com/Team/App.git';
const repository = 'team/app';
const SENDERS: Sender[] = ['github', 'gitlab', 'bitbucket', 'gitea'];
const never = new AbortController().signal;

let worker: TestWorker;
let api: LogsApi;
beforeAll(async () => {
  worker = await testWorker();
  api = await logsApi(worker, undefined, [WebhooksApiModule, DeployHooksApiModule]);
});
afterAll(async () => {
  await api.close();
  await worker.close();
});

type Service = Awaited<ReturnType<TestWorker['service']>>;

const files = (content: string) => ({ Dockerfile: 'FROM scratch', 'main.js': content });
let count = 0;

/** A service of a repository of its own, deployed once, with a hook. */
async function hooked(triggers: Record<string, unknown> = {}, source: Record<string, unknown> = {}) {
  const url = URL_OF.replace('git.', `git${count++}.`);
  const service = await worker.service({ source: { type: 'git', repository: url, ...source }, triggers });
  const first = worker.source.commit(url, 'main', files('first'), 'First');
  const hook = await rotate(service);
  return { service, url, first, hook };
}

async function rotate(service: Service, body: object = {}): Promise<{ url: string; secret: string }> {
  const answer = await post(service, '/webhook', body);
  if (answer.status !== 201) throw new Error(api.log.at(-1));
  const { url, secret } = (await answer.json()) as { url: string; secret: string };
  return { url: new URL(url).pathname.replace('/api/v1', ''), secret };
}

const post = (service: Service, path: string, body: object = {}) =>
  api.ask(service.caller, `/services/${service.id}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const get = async (service: Service, path: string) =>
  (await api.ask(service.caller, `/services/${service.id}${path}`)).json() as Promise<never>;

async function send(hook: { url: string }, { headers, body }: Delivery): Promise<{ status: number; message: string }> {
  const answer = await fetch(`${api.url}${hook.url}`, { method: 'POST', headers, body });
  const { message, code } = (await answer.json()) as { message: string; code: string };
  return { status: answer.status, message: message ?? code };
}

const push = (sender: Sender, hook: { secret: string }, fields: Omit<Push, 'repository'>) =>
  pushDelivery(sender, hook.secret, URL_OF, { repository, ...fields });
const drain = () => worker.get(DeliveryWork).drain(never);
const deployments = (service: Service) =>
  worker.db.deployment.findMany({ where: { serviceId: service.id }, orderBy: { createdAt: 'asc' } });
const results = async (service: Service) => {
  const { deliveries } = (await get(service, '/webhook/deliveries')) as unknown as {
    deliveries: {
      status: string;
      reason: string | null;
      results: { outcome: string; reason: string | null; commit: string }[];
    }[];
  };
  return deliveries;
};

describe.each(SENDERS)('%s', (sender) => {
  it('deploys a push, once, however often it is delivered', async () => {
    const { service, url, first, hook } = await hooked();
    const second = worker.source.commit(url, 'main', files('second'), 'Second\n\nBody');
    const delivery = push(sender, hook, { before: first, after: second, message: 'Second\n\nBody' });
    expect(await send(hook, delivery)).toEqual({ status: 202, message: 'accepted' });
    expect(await send(hook, delivery)).toEqual({ status: 200, message: 'already received' });
    expect(await send(hook, push(sender, hook, { before: first, after: second }))).toMatchObject({ status: 202 });
    expect(await drain()).toBe(2);
    await worker.settle();
    expect(await deployments(service)).toMatchObject([
      { trigger: 'webhook', branch: 'main', commitHash: second, commitMessage: 'Second', status: 'running' },
    ]);
    const outcomes = (await results(service)).flatMap((one) => one.results.map(({ outcome }) => outcome));
    expect(outcomes.sort()).toEqual(['deployed', 'skipped']);
  });

  it('answers at once, with 200 and the reason, what is not for us', async () => {
    const { service, first, hook } = await hooked({ auto_deploy: true }, { branch: 'main' });
    const reasons: [Delivery, RegExp][] = [
      [push(sender, hook, { ref: 'refs/heads/other', after: first }), /no service deploys other/],
      [push(sender, hook, { ref: 'refs/tags/v1', after: first }), /no service deploys v1/],
      [push(sender, hook, { before: first, after: null }), /deleted branch/],
      [
        signed(sender, hook.secret, 'something new', { repository: { full_name: repository } }),
        /"something new" are not used/,
      ],
      [pushDelivery(sender, hook.secret, URL_OF, { repository: 'team/other', after: first }), /this hook is for/],
      [
        pullDelivery(sender, hook.secret, { repository, number: 1, action: 'opened', commit: first }),
        /previews are off/,
      ],
    ];
    for (const [delivery, reason] of reasons)
      expect(await send(hook, delivery)).toEqual({ status: 200, message: expect.stringMatching(reason) });
    expect(await drain()).toBe(0);
    expect(await deployments(service)).toEqual([]);
    expect((await results(service)).map(({ status }) => status)).toEqual(reasons.map(() => 'ignored'));
  });

  it('takes nothing without proof, and two secrets while one is rotated', async () => {
    const { service, url, first, hook } = await hooked();
    const second = worker.source.commit(url, 'main', files('second'));
    const delivery = (secret: string) => push(sender, { secret }, { before: first, after: second });
    expect(await send(hook, delivery('wrong'))).toEqual({ status: 401, message: 'webhook_not_proven' });
    const { headers, body } = delivery(hook.secret);
    if (sender !== 'gitlab') expect((await send(hook, { headers, body: `${body} ` })).status).toBe(401);
    const bare = Object.fromEntries(Object.entries(headers).filter(([name]) => !/signature|token/.test(name)));
    expect((await send(hook, { headers: bare, body })).status).toBe(401);
    const next = await rotate(service);
    expect(next).toMatchObject({ url: hook.url, secret: expect.not.stringMatching(hook.secret) });
    expect((await send(hook, delivery(hook.secret))).status).toBe(202);
    expect((await send(hook, delivery(next.secret))).status).toBe(202);
    const last = await rotate(service, { previous_valid_hours: 0 });
    expect((await send(hook, delivery(next.secret))).status).toBe(401);
    expect((await send(hook, delivery(last.secret))).status).toBe(202);
    await drain();
    expect(await deployments(service)).toHaveLength(1);
  });

  it('deploys where the branch is, not what came last', async () => {
    const { service, url, first, hook } = await hooked();
    const second = worker.source.commit(url, 'main', files('second'));
    const third = worker.source.commit(url, 'main', files('third'));
    await send(hook, push(sender, hook, { before: second, after: third }));
    await drain();
    await send(hook, push(sender, hook, { before: first, after: second }));
    await drain();
    expect((await deployments(service)).map(({ commitHash }) => commitHash)).toEqual([third]);
    expect((await results(service))[0]?.results).toMatchObject([
      { outcome: 'skipped', reason: `overtaken: the branch is at ${third.slice(0, 12)} by now` },
    ]);
  });

  it('deploys a force push back to an older commit', async () => {
    const { service, url, first, hook } = await hooked();
    const second = worker.source.commit(url, 'main', files('second'));
    await send(hook, push(sender, hook, { before: first, after: second }));
    await drain();
    await worker.settle();
    worker.source.remote(url).branches.set('main', first);
    await send(hook, push(sender, hook, { before: second, after: first, forced: true }));
    await drain();
    expect((await deployments(service)).map(({ commitHash }) => commitHash)).toEqual([second, first]);
  });

  it('deploys a tag that fits, once', async () => {
    const { service, url, hook } = await hooked({ auto_deploy: false, deploy_tags: 'v*' });
    const release = worker.source.commit(url, 'release', files('release'));
    worker.source.remote(url).tags = new Map([['v1.0', release]]);
    const tag = (name: string) => push(sender, hook, { ref: `refs/tags/${name}`, after: release, message: 'Release' });
    expect((await send(hook, tag('nightly'))).status).toBe(200);
    expect((await send(hook, push(sender, hook, { after: release }))).status).toBe(200);
    for (let time = 0; time < 2; time++) expect((await send(hook, tag('v1.0'))).status).toBe(202);
    await drain();
    expect(await deployments(service)).toMatchObject([{ commitHash: release, branch: null, trigger: 'webhook' }]);
  });
});

it('takes a body of more than 20 MB, refuses one above the limit, and only on this route', async () => {
  const { service, url, first, hook } = await hooked();
  const second = worker.source.commit(url, 'main', files('second'));
  expect((await send(hook, push('github', hook, { before: first, after: second, padding: 20_000_000 }))).status).toBe(
    202,
  );
  expect(await send(hook, push('github', hook, { after: second, padding: 27_000_000 }))).toEqual({
    status: 413,
    message: 'payload_too_large',
  });
  expect((await post(service, '/webhook', { junk: 'x'.repeat(2_000_000) })).status).toBe(413);
  const form = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'a=b' };
  expect((await api.ask(service.caller, `/services/${service.id}/webhook`, form)).status).toBe(415);
  await drain();
  expect(await deployments(service)).toHaveLength(1);
});

it('takes the JSON in a form, as GitHub can send it', async () => {
  const { service, url, first, hook } = await hooked();
  const second = worker.source.commit(url, 'main', files('second'));
  const { headers, body } = push('github', hook, { before: first, after: second });
  const form = `payload=${encodeURIComponent(body)}`;
  const { createHmac } = await import('node:crypto');
  const signature = `sha256=${createHmac('sha256', hook.secret).update(form).digest('hex')}`;
  const type = 'application/x-www-form-urlencoded';
  expect(
    (await send(hook, { headers: { ...headers, 'content-type': type, 'x-hub-signature-256': signature }, body: form }))
      .status,
  ).toBe(202);
  await drain();
  expect(await deployments(service)).toHaveLength(1);
});

it('knows no hook of a stranger, and nobody else sees one', async () => {
  const { service, hook } = await hooked();
  const stranger = await worker.service();
  expect((await api.ask(stranger.caller, `/services/${service.id}/webhook`)).status).toBe(404);
  const nowhere = { ...hook, url: hook.url.replace(/[^/]+$/, stranger.id) };
  expect(await send(nowhere, push('github', hook, { after: 'a'.repeat(40) }))).toEqual({
    status: 404,
    message: 'webhook_not_found',
  });
  expect((await api.ask(stranger.caller, `/services/${stranger.id}/webhook`)).status).toBe(409);
});

it('deploys several refs of one Bitbucket push', async () => {
  const url = 'https://bitbucket.example.com/team/app';
  const branches = ['a', 'b', 'c', 'd'];
  const services: Service[] = [];
  for (const branch of branches) {
    const service = await worker.service({ source: { type: 'git', repository: url, branch }, alias: branch });
    services.push({ ...service, ...(services[0] ?? {}), id: service.id });
  }
  const [first] = services as [Service];
  const ids = services.map(({ id }) => id);
  await worker.db.service.updateMany({ where: { id: { in: ids } }, data: { projectId: first.projectId } });
  const hook = await rotate(first);
  const pushes = branches.map((name) => ({
    repository,
    ref: `refs/heads/${name}`,
    after: worker.source.commit(url, name, files(name)),
  }));
  await send(hook, pushDelivery('bitbucket', hook.secret, url, pushes[0] as Push, ...pushes.slice(1)));
  await drain();
  for (const [index, service] of services.entries())
    expect(await deployments(service)).toMatchObject([{ branch: branches[index], commitHash: pushes[index]?.after }]);
});

describe('what a service wants', () => {
  const pushed = async (
    made: Awaited<ReturnType<typeof hooked>>,
    content: Record<string, string>,
    message = 'A commit',
    branch = 'main',
  ) => {
    const before = worker.source.remote(made.url).branches.get(branch) ?? null;
    const after = worker.source.commit(made.url, branch, content, message);
    await send(made.hook, push('github', made.hook, { ref: `refs/heads/${branch}`, before, after, message }));
    await drain();
    const [last] = await results(made.service);
    return last?.results[0];
  };

  it('skip words, also in commits whose message no payload tells', async () => {
    const made = await hooked();
    expect(await pushed(made, files('2'), 'Docs\n\n[skip ci]')).toMatchObject({
      outcome: 'skipped',
      reason: 'its message says [skip ci]',
    });
    const after = worker.source.commit(made.url, 'main', files('3'), 'More docs [no ci]');
    await send(made.hook, push('github', made.hook, { after, message: '' }));
    await drain();
    expect((await results(made.service))[0]?.results[0]).toMatchObject({ reason: 'its message says [no ci]' });
    expect(await pushed(made, files('4'))).toMatchObject({ outcome: 'deployed' });
  });

  it('watched paths, compared with what is live', async () => {
    const made = await hooked({ watch_paths: ['app/', 'Dockerfile'] });
    const base = { Dockerfile: 'FROM scratch', 'app/a': '1', 'docs/a': '1' };
    expect(await pushed(made, base)).toMatchObject({ outcome: 'deployed' });
    await worker.settle();
    expect(await pushed(made, { ...base, 'docs/a': '2' })).toMatchObject({
      outcome: 'skipped',
      reason: 'none of the watched paths differs',
    });
    expect(await pushed(made, { ...base, 'docs/a': '3', 'app/a': '2' })).toMatchObject({ outcome: 'deployed' });
    // Not live yet: the next push is compared with what is.
    expect(await pushed(made, { ...base, 'docs/a': '4', 'app/a': '2' })).toMatchObject({ outcome: 'deployed' });
    await worker.settle();
    expect(await pushed(made, { ...base, 'docs/a': '5', 'app/a': '2' })).toMatchObject({ outcome: 'skipped' });
  });

  it('in doubt it is built', async () => {
    const made = await hooked({ watch_paths: ['nowhere'] });
    expect(await pushed(made, files('2'))).toMatchObject({ outcome: 'deployed' });
    await worker.settle();
    const after = worker.source.commit(made.url, 'main', files('3'));
    worker.source.failNext(new Unavailable('repository_unreachable', 'no'));
    await send(made.hook, push('github', made.hook, { after }));
    await drain();
    expect((await results(made.service))[0]?.results[0]).toMatchObject({ outcome: 'deployed' });
  });

  it('nothing while it is stopped; what was missed is found after the start', async () => {
    const made = await hooked();
    await pushed(made, files('2'));
    await worker.settle();
    await worker.db.service.update({ where: { id: made.service.id }, data: { desiredState: 'stopped' } });
    expect(await pushed(made, files('3'))).toMatchObject({ outcome: 'skipped', reason: 'the service is stopped' });
    await worker.db.service.update({ where: { id: made.service.id }, data: { desiredState: 'running' } });
    await look(made.service);
    expect(await deployments(made.service)).toHaveLength(2);
  });

  it('a newer commit supersedes one that waits, and cancels a build when wanted', async () => {
    const made = await hooked({ cancel_builds: true });
    await pushed(made, files('2'));
    const [building] = await deployments(made.service);
    await worker.db.deployment.update({ where: { id: building?.id ?? '' }, data: { status: 'building' } });
    const lease = { status: 'running', leaseUntil: new Date(Date.now() + 5000), leaseOwner: 'test' };
    await worker.db.run.updateMany({ where: { subjectId: building?.id ?? '' }, data: lease });
    await pushed(made, files('3'));
    await pushed(made, files('4'));
    expect((await deployments(made.service)).map(({ status }) => status)).toEqual([
      'building',
      'superseded',
      'pending',
    ]);
    const run = await worker.db.run.findFirstOrThrow({ where: { subjectId: building?.id ?? '' } });
    expect(run.cancelRequestedAt).not.toBeNull();
  });
});

const look = async (service: Service) => {
  await worker.db.watchedRef.updateMany({ where: { serviceId: service.id }, data: { nextCheckAt: new Date(0) } });
  return worker.get(MissedPushes).round(never);
};

describe('pushes that nobody told of', () => {
  it('are deployed, once; the first look only notes where the branch is', async () => {
    const { service, url } = await hooked();
    await look(service);
    expect(await deployments(service)).toEqual([]);
    const missed = worker.source.commit(url, 'main', files('missed'), 'Missed');
    for (let time = 0; time < 2; time++) await look(service);
    expect(await deployments(service)).toMatchObject([
      { commitHash: missed, trigger: 'webhook', commitMessage: 'Missed' },
    ]);
  });

  it('one look serves all services of a repository, none without a repository is looked at', async () => {
    const { service, url } = await hooked();
    for (const branch of ['a', 'b']) {
      worker.source.commit(url, branch, files(branch));
      const alias = `web-${branch}`;
      const other = await worker.service({ source: { type: 'git', repository: url, branch }, alias });
      await look(other);
    }
    const before = worker.source.listed;
    await worker.db.watchedRef.updateMany({
      where: { repository: { contains: new URL(url).host } },
      data: { nextCheckAt: new Date(0) },
    });
    expect(await worker.get(MissedPushes).round(never)).toBe(3);
    expect(worker.source.listed - before).toBe(1);
    expect(await worker.get(MissedPushes).round(never)).toBe(0);
    expect(worker.source.listed - before).toBe(1);
    expect(await deployments(service)).toEqual([]);
  });

  it('leave a rollback alone: what was deployed by hand is known', async () => {
    const { service, url, first } = await hooked();
    await look(service);
    await worker.deployments.create(service.caller, service.id, {});
    await worker.settle();
    const second = worker.source.commit(url, 'main', files('second'));
    await worker.deployments.create(service.caller, service.id, {});
    await worker.settle();
    const [old] = await deployments(service);
    await worker.deployments.rollback(service.caller, old?.id ?? '');
    await worker.settle();
    await look(service);
    expect((await deployments(service)).map(({ commitHash }) => commitHash)).toEqual([first, second, first]);
  });

  it('a repository that cannot be read is looked at less and less', async () => {
    const { service, url } = await hooked();
    worker.source.remotes.delete(url);
    const waits: number[] = [];
    for (let time = 0; time < 3; time++) {
      await look(service);
      const row = await worker.db.watchedRef.findUniqueOrThrow({ where: { serviceId: service.id } });
      waits.push(row.nextCheckAt.getTime() - (row.checkedAt?.getTime() ?? 0));
      expect(row.error).toContain('no repository');
    }
    expect(waits.map((ms) => Math.round(ms / 1000))).toEqual([120, 240, 480]);
    expect((await get(service, '/webhook')) as unknown as object).toMatchObject({
      polling: { error: expect.stringContaining('no repository') },
    });
  });
});

describe('a delivery that cannot be worked on', () => {
  it('is tried again later, then fails, and can be repeated by hand', async () => {
    const { service, url, first, hook } = await hooked();
    const second = worker.source.commit(url, 'main', files('second'));
    const remote = worker.source.remotes.get(url);
    worker.source.remotes.delete(url);
    await send(hook, push('github', hook, { before: first, after: second }));
    await drain();
    expect((await results(service))[0]).toMatchObject({
      status: 'received',
      reason: expect.stringContaining('no repository'),
    });
    expect(await drain()).toBe(0);
    await worker.db.webhookDelivery.updateMany({
      where: { status: 'received' },
      data: { attempts: 14, nextAt: new Date(0) },
    });
    await drain();
    const [failed] = (await results(service)) as unknown as { id: string; status: string }[];
    expect(failed?.status).toBe('failed');
    worker.source.remotes.set(url, remote as never);
    expect((await post(service, `/webhook/deliveries/${failed?.id}/redeliver`)).status).toBe(202);
    expect((await post(service, `/webhook/deliveries/${failed?.id}/redeliver`)).status).toBe(409);
    await drain();
    expect(await deployments(service)).toHaveLength(1);
  });

  it('waits for the repository to show the push', async () => {
    const { service, url, first, hook } = await hooked();
    const second = worker.source.commit(url, 'main', files('second'));
    const { branches } = worker.source.remote(url);
    branches.set('main', first);
    await send(hook, push('github', hook, { before: first, after: second }));
    await drain();
    expect((await results(service))[0]).toMatchObject({
      status: 'received',
      reason: 'the repository does not show this push yet',
    });
    branches.set('main', second);
    await worker.db.webhookDelivery.updateMany({ where: { status: 'received' }, data: { nextAt: new Date(0) } });
    await drain();
    expect(await deployments(service)).toMatchObject([{ commitHash: second }]);
  });

  it('of a dead worker is taken over', async () => {
    const { service, url, first, hook } = await hooked();
    const second = worker.source.commit(url, 'main', files('second'));
    await send(hook, push('github', hook, { before: first, after: second }));
    const gone = new AbortController();
    const list = jest.spyOn(FakeSource.prototype, 'remoteRefs').mockImplementationOnce(async () => {
      gone.abort();
      throw gone.signal.reason;
    });
    await worker.get(DeliveryWork).drain(gone.signal);
    list.mockRestore();
    expect(await drain()).toBe(0);
    await worker.db.webhookDelivery.updateMany({ where: { status: 'received' }, data: { nextAt: new Date(0) } });
    expect(await drain()).toBe(1);
    expect(await deployments(service)).toHaveLength(1);
  });
});

it('who was overtaken by a newer decision asks again instead of going back', async () => {
  const { service, url, first, hook } = await hooked();
  await look(service);
  const second = worker.source.commit(url, 'main', files('second'));
  await send(hook, push('github', hook, { before: first, after: second }));
  let third = '';
  const list = jest.spyOn(worker.source, 'remoteRefs').mockImplementationOnce(async (remote, names, signal) => {
    list.mockRestore();
    const old = await worker.source.remoteRefs(remote, names, signal);
    third = worker.source.commit(url, 'main', files('third'));
    await look(service);
    return old;
  });
  await drain();
  expect((await deployments(service)).map(({ commitHash }) => commitHash)).toEqual([third]);
  expect((await results(service))[0]?.results).toMatchObject([{ outcome: 'skipped', commit: third }]);
});

it('100 deliveries at once of 20 pushes, five times each in random order', async () => {
  const made = await Promise.all(Array.from({ length: 4 }, () => hooked()));
  const pushes: { of: (typeof made)[number]; delivery: Delivery; commit: string }[] = [];
  for (const [index, of] of made.entries()) {
    for (let time = 0, before = of.first; time < 5; time++) {
      const commit = worker.source.commit(of.url, 'main', files(`${time}`));
      const sender = SENDERS[(index + time) % 4] as Sender;
      pushes.push({ of, commit, delivery: push(sender, of.hook, { before, after: commit }) });
      before = commit;
    }
  }
  const all = pushes.flatMap((one) => [one, one, one, one, one]).sort(() => Math.random() - 0.5);
  const working = new AbortController();
  const work = (async () => {
    while (!working.signal.aborted) await worker.get(DeliveryWork).drain(never);
  })();
  const answers = await Promise.all(all.map(({ of, delivery }) => send(of.hook, delivery)));
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(20);
  expect(answers.filter(({ message }) => message === 'already received')).toHaveLength(80);
  working.abort();
  await work;
  await drain();
  await worker.settle();
  for (const { service } of made) {
    const rows = await deployments(service);
    const commits = rows.map(({ commitHash }) => commitHash);
    expect(new Set(commits).size).toBe(commits.length);
    const newest = pushes.filter(({ of }) => of.service === service).at(-1)?.commit;
    expect(rows.filter(({ status }) => status === 'running').map(({ commitHash }) => commitHash)).toEqual([newest]);
    const told = (await results(service)).flatMap((one) => one.results);
    expect(told.filter(({ outcome }) => outcome === 'deployed')).toHaveLength(commits.length);
    expect(told.filter(({ outcome }) => outcome === 'skipped')).toHaveLength(5 - commits.length);
  }
});
