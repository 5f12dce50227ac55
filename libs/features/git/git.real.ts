/** Real `git push` and `git clone` against the built-in remote over HTTP; the test plays the worker. */
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { GitSource } from '#drivers/source/git-source.js';
import { EgressGuard } from '#platform/egress.js';
import type { Caller } from '#platform/http/index.js';
import { newSecret } from '#platform/shown-once.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { BuildLogs } from '../logs/index.js';
import { type LogsApi, logsApi } from '../logs/testing/logs-api.js';

let worker: TestWorker;
let api: LogsApi;
let service: Awaited<ReturnType<TestWorker['service']>>;
let dir: string;

beforeEach(async () => {
  worker = await testWorker();
  service = await worker.service();
  api = await logsApi(worker, (dataDir) => new GitSource({ dataDir, guard: new EgressGuard({ allow: [], deny: [] }) }));
  dir = await mkdtemp(path.join(os.tmpdir(), 'containr-push-'));
  await git('init', '-q', '-b', 'main');
  await commit('first');
});
afterEach(async () => {
  await api.close();
  await worker.close();
  await rm(dir, { recursive: true, force: true, maxRetries: 5 });
});

interface Run {
  code: number;
  text: string;
}

async function run(args: string[], onText: (text: string) => void = () => undefined): Promise<Run> {
  const who = {
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@b.c',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@b.c',
  };
  const env = {
    PATH: process.env.PATH,
    HOME: dir,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    LANG: 'C.UTF-8',
    ...who,
  };
  const child = spawn('git', args, { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      onText(text);
    });
  }
  const [code] = (await once(child, 'close')) as [number];
  return { code, text };
}

async function git(...args: string[]): Promise<string> {
  const { code, text } = await run(args);
  if (code !== 0) throw new Error(`git ${args.join(' ')}: ${text}`);
  return text.trim();
}

async function commit(subject: string, content: string | Buffer = subject): Promise<string> {
  await writeFile(path.join(dir, 'file'), content);
  await git('add', '.');
  await git('commit', '-q', '-m', subject);
  return git('rev-parse', 'HEAD');
}

function remote(caller: Caller = service.caller, id = service.id, password = api.token(caller)): string {
  return `${api.url.replace('://', `://anybody:${password}@`)}/git/${id}.git`;
}

async function soon<T>(find: () => Promise<T | null>): Promise<T> {
  for (const deadline = Date.now() + 40_000; ; ) {
    const found = await find();
    if (found !== null) return found;
    if (Date.now() > deadline) throw new Error(`never there: ${find}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const pushedDeployment = () =>
  soon(() => worker.db.deployment.findFirst({ where: { serviceId: service.id, status: 'pending' } }));
const refs = async () => (await git('ls-remote', remote())).split('\n').map((line) => line.split('\t')[1]);
const move = (id: string, data: Record<string, unknown>) => worker.db.deployment.update({ where: { id }, data });

it('deploys main, shows the build while it runs and ends with the URL', async () => {
  let shown = '';
  const pushing = run(['push', remote(), 'main'], (text) => (shown = text));
  const deployment = await pushedDeployment();
  expect(deployment).toMatchObject({ trigger: 'push', branch: 'main', commitHash: await git('rev-parse', 'HEAD') });
  await move(deployment.id, { status: 'building' });
  const log = worker.get(BuildLogs).open(deployment.id, []);
  log.line('Step 1 \u001b[31mred\u001b[0m');
  await log.close();
  await soon(async () => (shown.includes('Step 1 red') ? true : null));
  expect(shown).toContain('-----> Building web');
  expect(shown).not.toContain('\u001b[31m');
  await move(deployment.id, { status: 'deploying' });
  await soon(async () => (shown.includes('-----> Deploying') ? true : null));
  await move(deployment.id, { status: 'running' });
  const { code, text } = await pushing;
  expect([code, text]).toEqual([0, expect.stringMatching(/-----> Live: http:\/\/web-[\w.-]+/)]);
  expect(await refs()).toContain('refs/heads/main');
});

it('refuses the ref of a deployment that fails, and says why', async () => {
  const pushing = run(['push', remote(), 'main']);
  const { id } = await pushedDeployment();
  await move(id, { status: 'failed', error: 'There is no Dockerfile.' });
  const { code, text } = await pushing;
  expect(code).not.toBe(0);
  expect(text).toMatch(/\[remote rejected\] main -> main \(There is no Dockerfile\.\)/);
  expect(await refs()).not.toContain('refs/heads/main');
});

it('stores other branches, deletes them, and deploys nothing for it', async () => {
  const stored = await run(['push', remote(), 'main:topic']);
  expect([stored.code, stored.text]).toEqual([
    0,
    expect.stringContaining('branch topic stored, not deployed (this service deploys main)'),
  ]);
  expect(await refs()).toContain('refs/heads/topic');
  expect((await run(['push', remote(), ':topic'])).code).toBe(0);
  expect(await refs()).not.toContain('refs/heads/topic');
  expect(await worker.db.deployment.count()).toBe(0);
});

it('takes packs far above the limit of JSON bodies, and gives them back', async () => {
  await commit('big', randomBytes(12 * 2 ** 20));
  expect((await run(['push', remote(), 'main:big'])).code).toBe(0);
  await git('clone', '-q', '-b', 'big', remote(), 'copy');
  await access(path.join(dir, 'copy', 'file'));
});

it('asks for a login, and hides what the caller may not see', async () => {
  const target = `/git/${service.id}.git/info/refs?service=git-upload-pack`;
  const nobody = await fetch(`${api.url}${target}`);
  expect([nobody.status, nobody.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="Containr"']);
  expect((await run(['ls-remote', remote(service.caller, service.id, 'wrong')])).text).toContain(
    'Authentication failed',
  );
  const stranger = (await worker.service()).caller;
  expect((await run(['ls-remote', remote(stranger)])).text).toMatch(/not found/i);
  expect((await run(['ls-remote', remote(service.caller, randomUUID())])).text).toMatch(/not found/i);
  await worker.db.service.update({
    where: { id: service.id },
    data: { source: { type: 'git', repository: 'https://example.com/a.git' } },
  });
  expect((await run(['ls-remote', remote()])).text).toMatch(/not found/i);
});

it('takes API tokens: scope read fetches, scope deploy pushes; the role counts too', async () => {
  const token = async (userId: string, scope: string) => {
    const { secret, hash } = newSecret('ctr_');
    const row = { id: randomUUID(), userId, name: 't', prefix: 'ctr_', tokenHash: hash, scopes: [scope] };
    await worker.db.apiToken.create({ data: row });
    return secret;
  };
  const viewer = (await worker.service()).caller.userId;
  await worker.db.projectMember.create({ data: { projectId: service.projectId, userId: viewer, role: 'viewer' } });
  const as = (password: string) => remote(service.caller, service.id, password);
  const reader = as(await token(service.caller.userId, 'read'));
  const push = (target: string) => run(['push', target, 'main:topic']);
  expect((await push(reader)).text).toMatch(/scope deploy[\s\S]*403/);
  expect((await push(as(await token(viewer, 'deploy')))).text).toMatch(/role developer[\s\S]*403/);
  expect(await push(as(await token(service.caller.userId, 'deploy')))).toMatchObject({ code: 0 });
  for (const target of [reader, as(await token(viewer, 'read'))])
    expect((await git('ls-remote', target)).split('\t')[1]).toBe('refs/heads/topic');
});

it('takes git bodies nowhere else', async () => {
  const headers = { 'content-type': 'application/x-git-receive-pack-request' };
  const answer = await api.ask(service.caller, `/services/${service.id}/deployments`, {
    method: 'POST',
    headers,
    body: 'x',
  });
  expect(answer.status).toBe(415);
});

it('leaves no socket behind', async () => {
  await git('ls-remote', remote());
  const sockets = async () => (await readdir(path.join(api.dataDir, 'run'))).filter((name) => name.startsWith('git-'));
  expect(await sockets()).toHaveLength(1);
  await api.app.close();
  expect(await sockets()).toHaveLength(0);
});
