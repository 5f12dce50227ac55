/** Deploy hooks over HTTP, with the snippets of the documentation run as they stand there. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { WebhooksApiModule } from '#features/webhooks/index.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { type LogsApi, logsApi } from '../logs/testing/logs-api.js';
import { DeployHooksApiModule } from './index.js';

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
interface Hook {
  url: string;
  secret: string;
}

let count = 0;
async function hooked(fields: Record<string, unknown> = {}) {
  const repository = `https://git${count++}.example.com/team/app`;
  const service = await worker.service({ source: { type: 'git', repository }, ...fields });
  const commit = worker.source.commit(repository, 'main', { Dockerfile: 'FROM scratch' }, 'First');
  return { service, repository, commit, hook: await rotate(service) };
}

const change = (service: Service, method: string, body?: object) =>
  api.ask(service.caller, `/services/${service.id}/deploy-hook`, {
    method,
    ...(body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
  });

async function rotate(service: Service, body: object = {}): Promise<Hook> {
  const answer = await change(service, 'POST', body);
  expect(answer.status).toBe(201);
  const { url, secret } = (await answer.json()) as Hook;
  return { url: `${api.url}${new URL(url).pathname.replace('/api/v1', '')}`, secret };
}

async function call({ url, secret }: Hook, body: object = {}, query = '', headers: Record<string, string> = {}) {
  const answer = await fetch(url + query, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}`, ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
}

/** Plays the worker until the promise is settled. */
async function whileWorking<T>(promise: Promise<T>): Promise<T> {
  let over = false;
  const end = promise.finally(() => (over = true));
  end.catch(() => undefined); // awaited below
  while (!over) {
    await worker.settle();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return end;
}

it('deploys the head of the branch, a commit, a branch', async () => {
  const { service, repository, commit, hook } = await hooked();
  const other = worker.source.commit(repository, 'other', { Dockerfile: 'FROM other' });
  const { status, json } = await call(hook);
  expect([status, json]).toEqual([
    202,
    expect.objectContaining({ trigger: 'webhook', status: 'pending', service_id: service.id }),
  ]);
  await worker.settle();
  expect((await call(hook, { branch: 'other' })).json).toMatchObject({ branch: 'other' });
  await worker.settle();
  const own = { 'x-containr-deploy-secret': hook.secret, authorization: '' };
  expect((await call(hook, { commit }, '', own)).json).toMatchObject({ commit_hash: commit });
  await worker.settle();
  const rows = await worker.db.deployment.findMany({ where: { serviceId: service.id }, orderBy: { createdAt: 'asc' } });
  expect(rows.map(({ commitHash }) => commitHash)).toEqual([commit, other, commit]);
});

it('tells a stranger nothing', async () => {
  const { hook } = await hooked();
  const bare = await fetch(hook.url, { method: 'POST' });
  expect([bare.status, await bare.json()]).toEqual([401, expect.objectContaining({ code: 'secret_missing' })]);
  const wrong = await call({ ...hook, secret: `${hook.secret}x` });
  const nowhere = await call({ ...hook, url: hook.url.replace(/[^/]+$/, '00000000-0000-4000-8000-000000000000') });
  expect([wrong.status, wrong.json]).toEqual([404, nowhere.json]);
  expect((await call({ ...hook, url: hook.url.replace(/[^/]+$/, 'x') })).status).toBe(404);
  const deleted = await hooked();
  await worker.db.service.update({ where: { id: deleted.service.id }, data: { deletedAt: new Date() } });
  expect((await call(deleted.hook)).json).toEqual(wrong.json);
});

it('rotates with two valid, is revoked, and keeps no secret', async () => {
  const { service, hook } = await hooked();
  const next = await rotate(service);
  expect(next.url).toBe(hook.url);
  for (const each of [hook, next]) expect((await call(each)).status).toBe(202);
  const last = await rotate(service, { previous_valid_hours: 0 });
  expect((await call(next)).status).toBe(404);
  expect((await call(last)).status).toBe(202);
  await rotate(service, { previous_valid_hours: 1 });
  await worker.db.deployHook.updateMany({
    where: { serviceId: service.id },
    data: { previousUntil: new Date(Date.now() - 1000) },
  });
  expect((await call(last)).status).toBe(404);
  const row = await worker.db.deployHook.findUniqueOrThrow({ where: { serviceId: service.id } });
  for (const { secret } of [hook, next, last]) expect(JSON.stringify(row)).not.toContain(secret);
  const shown = (await (await change(service, 'GET')).json()) as object;
  expect(shown).toMatchObject({ last_used_at: expect.any(String), previous_secret_until: expect.any(String) });
  expect(shown).not.toHaveProperty('secret');
  expect((await change(service, 'DELETE')).status).toBe(204);
  expect((await change(service, 'GET')).status).toBe(404);
  expect((await call(last)).status).toBe(404);
});

it('deploys another tag of the image, and no other image', async () => {
  const { hook, service } = await hooked({ source: { type: 'image', image: 'registry.example.com:5000/team/app:v1' } });
  const image = (ref: string) => call(hook, { image: ref });
  expect((await image('registry.example.com:5000/team/other:v1')).json).toMatchObject({ code: 'image_not_allowed' });
  expect((await call(hook, { commit: 'abcdef1' })).json).toMatchObject({ code: 'commit_not_allowed' });
  expect((await image('registry.example.com:5000/team/app:v2')).status).toBe(202);
  const run = await worker.db.run.findFirstOrThrow({ where: { lockKey: `service:${service.id}` } });
  await worker.settle();
  const [pull] = await worker.db.runStep.findMany({ where: { runId: run.id, kind: 'image.pull' } });
  expect(pull?.params).toMatchObject({ ref: 'registry.example.com:5000/team/app:v2' });
  const git = await hooked();
  expect((await call(git.hook, { image: 'nginx:1' })).json).toMatchObject({ code: 'image_not_allowed' });
});

it('waits for the end: 200 when live, 422 with the reason when not', async () => {
  const { commit, hook } = await hooked();
  const live = await whileWorking(call(hook, {}, '?wait=true'));
  expect([live.status, live.json]).toEqual([200, expect.objectContaining({ status: 'running', commit_hash: commit })]);
  const failed = await whileWorking(call(hook, { branch: 'nothing' }, '?wait=true'));
  expect([failed.status, failed.json]).toEqual([
    422,
    {
      error: expect.stringContaining('no branch "nothing"'),
      code: 'deployment_failed',
      details: { deployment_id: expect.any(String) },
    },
  ]);
});

it('a deployment that is superseded while it is waited for', async () => {
  const { service, hook } = await hooked();
  const first = call(hook, {}, '?wait=true');
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
    if ((await worker.db.deployment.count({ where: { serviceId: service.id } })) > 0) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await call(hook);
  const { status, json } = await first;
  expect([status, json.code]).toEqual([422, 'deployment_superseded']);
});

it('streams until live', async () => {
  const { hook } = await hooked();
  const headers = { authorization: `Bearer ${hook.secret}`, accept: 'text/event-stream' };
  const answer = await fetch(`${hook.url}?wait=true`, { method: 'POST', headers });
  const text = await whileWorking(answer.text());
  const events = [...text.matchAll(/^event: (\w+)$/gm)].map(([, event]) => event);
  expect(events[0]).toBe('deployment');
  expect(events).toContain('log');
  expect(events.at(-1)).toBe('live');
});

it('leaves a row in the audit log that names the hook and no user', async () => {
  const { service, hook } = await hooked();
  await call(hook);
  const rows = await worker.db.auditLog.findMany({ where: { projectId: service.projectId }, orderBy: { seq: 'asc' } });
  expect(rows.map(({ resource, action, userId }) => [resource, action, userId === null])).toEqual([
    ['deploy_hook', 'create', false],
    ['deployment', 'create', true],
  ]);
  expect(rows[1]).toMatchObject({ ipAddress: '127.0.0.1', details: expect.stringContaining('deploy_hook_id') });
  for (const row of rows) expect(row.details).not.toContain(hook.secret);
});

describe('snippets of docs/webhooks.md', () => {
  const docs = readFileSync(path.resolve(__dirname, '../../../docs/webhooks.md'), 'utf8');
  const blocks = [...docs.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, language, text]) => ({
    language,
    text: text ?? '',
  }));
  const [actions, gitlab] = blocks.filter(({ language }) => language === 'yaml').map(({ text }) => parse(text));
  const snippets: [string, string][] = [
    ['GitHub Actions', actions.jobs.deploy.steps[0].run],
    ['GitLab CI', gitlab.deploy.script.join('\n')],
    ['curl', blocks.find(({ language }) => language === 'sh')?.text ?? ''],
  ];

  const shell = (script: string, env: Record<string, string>) =>
    new Promise<{ code: number; output: string }>((resolve) => {
      const options = { env: { PATH: process.env.PATH, ...env }, timeout: 60_000 };
      execFile('bash', ['-e', '-o', 'pipefail', '-c', script], options, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr }),
      );
    });

  it.each(snippets)('%s: succeeds when live, fails when not', async (name, script) => {
    const { commit, hook, service } = await hooked();
    const env = { CONTAINR_DEPLOY_URL: hook.url, CONTAINR_DEPLOY_SECRET: hook.secret };
    const live = await whileWorking(shell(script, { ...env, GITHUB_SHA: commit, CI_COMMIT_SHA: commit }));
    expect([name, live.code, live.output]).toEqual([name, 0, expect.stringMatching(/"status":"running"|live: /)]);
    const unknown = 'e'.repeat(40);
    await worker.db.service.update({
      where: { id: service.id },
      data: { source: { type: 'git', repository: 'https://nowhere.example.com/x' } },
    });
    const failed = await whileWorking(shell(script, { ...env, GITHUB_SHA: unknown, CI_COMMIT_SHA: unknown }));
    expect([name, failed.code === 0, failed.output]).toEqual([
      name,
      false,
      expect.stringContaining('deployment_failed'),
    ]);
    const wrong = await shell(script, {
      ...env,
      CONTAINR_DEPLOY_SECRET: 'wrong',
      GITHUB_SHA: commit,
      CI_COMMIT_SHA: commit,
    });
    expect(wrong.code).not.toBe(0);
  });
});
