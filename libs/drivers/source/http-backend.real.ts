/** Real `git clone` and `git push` over real HTTP through GitHttpBackend, HookServer and the hook. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import v8 from 'node:v8';
import vm from 'node:vm';
import { gzipSync } from 'node:zlib';
import { Conflict } from '#platform/errors.js';
import { GitHttpBackend } from './http-backend.js';
import { HookServer, type Push, type Verdict } from './http-backend-hook-server.js';
import { ensureHooks } from './http-backend-hooks.js';

type OnPush = (push: Push, out: (line: string) => void) => Promise<Verdict[]>;
const accept: OnPush = async (push) => push.commands.map(({ ref }) => ({ ref, ok: true }));

let dir: string;
let hooks: HookServer;
let server: http.Server;
let url: string;
let onPush: OnPush;
let pushes: Push[];

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'containr-git-'));
  onPush = accept;
  pushes = [];
  hooks = new HookServer({
    socketPath: path.join(dir, 'run', 'hook.sock'),
    onPush: (push, out) => {
      pushes.push(push);
      return onPush(push, out);
    },
  });
  await hooks.listen();
  // Below a package of modules, as the data folder of a checkout is.
  await writeFile(path.join(dir, 'package.json'), '{"type":"module"}');
  const backend = new GitHttpBackend({ hooks, hooksDir: await ensureHooks(path.join(dir, 'hooks')) });
  server = http.createServer((request, response) => void serve(backend, request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  await git(dir, 'init', '-q', '--bare', '-b', 'main', 'repo.git');
  await git(dir, 'init', '-q', '-b', 'main', 'work');
  await git(work(), 'remote', 'add', 'origin', `${url}/repo.git`);
  await commit('first');
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await hooks.close();
  await rm(dir, { recursive: true, force: true, maxRetries: 5 });
});

async function serve(
  backend: GitHttpBackend,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const { pathname, search } = new URL(request.url ?? '/', 'http://localhost');
  const [, repository = '', pathInfo = ''] = /^\/([^/]+)(\/.*)$/.exec(pathname) ?? [];
  const gone = new AbortController();
  response.on('close', () => response.writableFinished || gone.abort());
  const git = {
    repositoryPath: path.join(dir, repository),
    pathInfo,
    query: search.slice(1),
    user: 'ada',
    context: { service: 's1' },
  };
  const answer = await backend.handle(
    { ...git, method: request.method ?? '', headers: request.headers, body: request },
    gone.signal,
  );
  response.writeHead(answer.status, answer.headers);
  answer.body.pipe(response);
}

const work = () => path.join(dir, 'work');
const bare = () => path.join(dir, 'repo.git');

interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs git; `onStderr` sees its words as they come. */
async function run(cwd: string, args: string[], onStderr: (text: string) => void = () => undefined): Promise<Run> {
  const identity = {
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
    ...identity,
  };
  const child = spawn('git', args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    onStderr(stderr);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

async function git(cwd: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(cwd, args);
  if (code !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

async function commit(text: string, content: Buffer | string = text): Promise<string> {
  await writeFile(path.join(work(), 'file'), content);
  await git(work(), 'add', '.');
  await git(work(), 'commit', '-q', '-m', text);
  return git(work(), 'rev-parse', 'HEAD');
}

const push = (...refs: string[]) => run(work(), ['push', 'origin', ...refs]);
const head = (ref: string) =>
  run(bare(), ['rev-parse', '--verify', '-q', ref]).then(({ stdout }) => stdout.trim() || null);
const ask = (target: string, init?: RequestInit) => fetch(`${url}${target}`, init);

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 40_000; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error(`never true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const ZERO = '0'.repeat(40);

test('an accepted push updates the ref, and the platform knows who pushed what', async () => {
  const first = await git(work(), 'rev-parse', 'HEAD');
  expect(await push('main')).toMatchObject({ code: 0 });
  expect(await head('refs/heads/main')).toBe(first);
  const commands = [{ old: ZERO, new: first, ref: 'refs/heads/main' }];
  expect(pushes).toEqual([{ context: { service: 's1' }, repository: bare(), commands }]);
  const second = await commit('second');
  expect(await push('main')).toMatchObject({ code: 0 });
  expect(pushes[1]?.commands).toEqual([{ old: first, new: second, ref: 'refs/heads/main' }]);
  await git(dir, 'clone', '-q', `${url}/repo.git`, 'clone');
  expect(await git(path.join(dir, 'clone'), 'rev-parse', 'HEAD')).toBe(second);
  expect(await git(work(), 'rev-parse', 'refs/remotes/origin/main')).toBe(second);
});

test('the objects are there while the platform decides, the ref is not', async () => {
  let seen: unknown;
  onPush = async (request) => {
    const [command] = request.commands;
    seen = [await git(bare(), 'cat-file', '-t', command?.new ?? ''), await head('refs/heads/main')];
    return accept(request, () => undefined);
  };
  await push('main');
  expect(seen).toEqual(['commit', null]);
});

test('lines reach the pusher while the push is still waiting, without escape sequences', async () => {
  let decide: () => void = () => undefined;
  const decision = new Promise<void>((resolve) => (decide = resolve));
  onPush = async (request, out) => {
    out('building \u001b[31mred\u001b[0m\u0007');
    await decision;
    out('done: http://a.apps.localhost');
    return accept(request, out);
  };
  let atFirstLine: string | null = null;
  const ended = run(work(), ['push', 'origin', 'main'], (stderr) => {
    if (atFirstLine === null && stderr.includes('building')) atFirstLine = stderr;
    if (atFirstLine !== null) decide();
  });
  const { code, stderr } = await ended;
  expect(atFirstLine).toMatch(/remote: building red\s*\n/);
  expect(atFirstLine).not.toContain('done');
  expect(stderr).toContain('remote: done: http://a.apps.localhost');
  expect(code).toBe(0);
});

test('a refused ref: git push fails, says why, and nothing moved', async () => {
  const first = await git(work(), 'rev-parse', 'HEAD');
  await push('main');
  await commit('broken');
  onPush = async (request, out) => {
    out('npm ERR! missing script: start');
    return request.commands.map(({ ref }) => ({ ref, ok: false, reason: 'build failed\nline two' }));
  };
  const { code, stderr } = await push('main');
  expect(code).toBe(1);
  expect(stderr).toContain('remote: npm ERR! missing script: start');
  expect(stderr).toContain('[remote rejected] main -> main (build failed line two)');
  expect(await head('refs/heads/main')).toBe(first);
});

test('a platform that fails refuses with its public message', async () => {
  onPush = async () => {
    throw new Conflict('deployment_running', 'A deployment is running; wait for it.');
  };
  expect((await push('main')).stderr).toContain('(A deployment is running; wait for it.)');
  onPush = async () => {
    throw new Error('secret detail');
  };
  const { code, stderr } = await push('main');
  expect([code, stderr.includes('secret detail')]).toEqual([1, false]);
  onPush = async () => [];
  expect((await push('main')).stderr).toContain('[remote rejected] main -> main (refused)');
  expect(await head('refs/heads/main')).toBe(null);
});

test('several refs in one push, one refused', async () => {
  await git(work(), 'branch', 'other');
  onPush = async (request) =>
    request.commands.map(({ ref }) => ({ ref, ok: ref === 'refs/heads/main', reason: 'not deployed from here' }));
  const { code, stderr } = await push('main', 'other');
  expect(code).toBe(1);
  expect(stderr).toMatch(/new branch\]\s+main -> main/);
  expect(stderr).toContain('[remote rejected] other -> other (not deployed from here)');
  expect([(await head('refs/heads/main')) !== null, await head('refs/heads/other')]).toEqual([true, null]);
});

test('tags need no verdict; force and delete do', async () => {
  await git(work(), 'tag', 'v1');
  expect((await push('v1')).code).toBe(0);
  expect([pushes.length, (await head('refs/tags/v1')) !== null]).toEqual([0, true]);
  await push('main', 'main:topic');
  const first = await head('refs/heads/main');
  await git(work(), 'commit', '-q', '--amend', '-m', 'rewritten');
  const rewritten = await git(work(), 'rev-parse', 'HEAD');
  expect((await push('main')).code).toBe(1);
  expect((await push('+main')).code).toBe(0);
  expect(await head('refs/heads/main')).toBe(rewritten);
  expect(pushes.at(-1)?.commands).toEqual([{ old: first, new: rewritten, ref: 'refs/heads/main' }]);
  expect((await push(':topic')).code).toBe(0);
  expect(pushes.at(-1)?.commands).toEqual([{ old: first, new: ZERO, ref: 'refs/heads/topic' }]);
  expect(await head('refs/heads/topic')).toBe(null);
});

test('other namespaces cannot be pushed', async () => {
  const { code, stderr } = await push('main:refs/replace/1111111111111111111111111111111111111111');
  expect([code, stderr]).toEqual([1, expect.stringContaining('hidden ref')]);
});

test('what the repository brings along decides nothing: no hook of its own runs', async () => {
  const witness = path.join(dir, 'witness');
  const hook = `#!/usr/bin/env node\nrequire('fs').writeFileSync(${JSON.stringify(witness)}, '')\n`;
  for (const name of ['pre-receive', 'update', 'post-receive', 'proc-receive'])
    await writeFile(path.join(bare(), 'hooks', name), hook, { mode: 0o755 });
  await git(bare(), 'config', 'core.hooksPath', path.join(bare(), 'hooks'));
  await git(bare(), 'config', 'receive.procReceiveRefs', 'refs/none');
  expect((await push('main')).code).toBe(0);
  expect(pushes).toHaveLength(1);
  await expect(stat(witness)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('48 MB, chunked, pass without being held in memory', async () => {
  await commit('big', randomBytes(48 * 1024 * 1024));
  v8.setFlagsFromString('--expose-gc');
  const collectGarbage = vm.runInNewContext('gc') as () => void;
  const held = () => {
    collectGarbage();
    return process.memoryUsage().arrayBuffers;
  };
  const before = held();
  let peak = 0;
  let chunked = false;
  server.prependListener('request', (request: http.IncomingMessage) => {
    chunked ||= request.method === 'POST' && request.headers['transfer-encoding'] === 'chunked';
  });
  const watch = setInterval(() => {
    peak = Math.max(peak, held());
  });
  const { code } = await push('main');
  clearInterval(watch);
  expect([code, chunked]).toEqual([0, true]);
  expect(peak - before).toBeLessThan(8 * 1024 * 1024);
  await git(dir, 'clone', '-q', '--depth', '1', `${url}/repo.git`, 'clone');
  expect((await stat(path.join(dir, 'clone', 'file'))).size).toBe(48 * 1024 * 1024);
});

test('a gzip body and protocol version 2 are understood', async () => {
  await push('main');
  const headers = {
    'Content-Type': 'application/x-git-upload-pack-request',
    'Content-Encoding': 'gzip',
    'Git-Protocol': 'version=2',
  };
  const answer = await ask('/repo.git/git-upload-pack', {
    method: 'POST',
    headers,
    body: gzipSync('0014command=ls-refs\n0000'),
  });
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('refs/heads/main')]);
});

test('only the smart endpoints of existing repositories', async () => {
  await push('main');
  const status = async (target: string, method = 'GET') => (await ask(target, { method })).status;
  expect(await status('/repo.git/info/refs?service=git-upload-pack')).toBe(200);
  expect(await status('/nothing.git/info/refs?service=git-upload-pack')).toBe(404);
  expect(await status('/nothing.git/git-receive-pack', 'POST')).toBe(404);
  for (const file of [
    '/HEAD',
    '/config',
    '/objects/info/packs',
    '/hooks/proc-receive',
    '/git-upload-archive',
    '/info/refs/..',
    '/',
  ])
    expect([file, await status(`/repo.git${file}`)]).toEqual([file, 404]);
  expect(await status('/repo.git/info/refs')).toBe(403);
  expect(await status('/repo.git/info/refs?service=git-upload-archive')).toBe(403);
  expect(await status('/repo.git/git-receive-pack')).toBe(405);
  expect(await status('/repo.git/info/refs?service=git-upload-pack', 'POST')).toBe(405);
  expect(
    (await ask('/repo.git/git-upload-pack', { method: 'POST', body: 'x', headers: { 'Content-Type': 'text/plain' } }))
      .status,
  ).toBe(415);
  expect((await run(dir, ['clone', `${url}/nothing.git`, 'x'])).stderr).toContain('not found');
});

test('a client killed while the platform decides: the push goes on to its verdict', async () => {
  let decide: () => void = () => undefined;
  const decision = new Promise<void>((resolve) => (decide = resolve));
  onPush = async (request, out) => {
    await decision;
    for (let index = 0; index < 2000; index++) out(`line ${index} ${'x'.repeat(200)}`);
    return accept(request, out);
  };
  const child = spawn('git', ['push', 'origin', 'main'], {
    cwd: work(),
    env: { PATH: process.env.PATH },
    stdio: 'ignore',
    detached: true,
  });
  await until(() => pushes.length === 1);
  const connections = () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await until(async () => (await connections()) === 0);
  decide();
  const expected = await git(work(), 'rev-parse', 'HEAD');
  await until(async () => (await head('refs/heads/main')) === expected);
  await git(bare(), 'fsck', '--strict');
});

test('a client killed in the middle of its pack leaves nothing', async () => {
  const line = `${ZERO} ${await git(work(), 'rev-parse', 'HEAD')} refs/heads/main\0 report-status side-band-64k\n`;
  const command = `${(line.length + 4).toString(16).padStart(4, '0')}${line}0000`;
  const headers = { 'Content-Type': 'application/x-git-receive-pack-request' };
  const request = http.request(`${url}/repo.git/git-receive-pack`, { method: 'POST', headers });
  request.on('error', () => undefined);
  // The head of a pack (gitformat-pack(5)) that announces 1,000 objects, and then none.
  request.write(Buffer.concat([Buffer.from(`${command}PACK`), Buffer.from([0, 0, 0, 2, 0, 0, 3, 232])]));
  const quarantined = async () =>
    (await readdir(path.join(bare(), 'objects'))).some((name) => name.startsWith('tmp_objdir'));
  await until(quarantined);
  request.destroy();
  await until(async () => !(await quarantined()));
  expect([pushes.length, await head('refs/heads/main')]).toEqual([0, null]);
  expect((await push('main')).code).toBe(0);
});

test('the platform goes away in the middle: the push is refused, and its deployment goes on', async () => {
  let finished = false;
  let decide: () => void = () => undefined;
  const decision = new Promise<void>((resolve) => (decide = resolve));
  onPush = async (request, out) => {
    await decision;
    out('nobody hears this');
    finished = true;
    return accept(request, out);
  };
  const pushed = push('main');
  await until(() => pushes.length === 1);
  await hooks.close();
  expect((await pushed).stderr).toContain('[remote rejected] main -> main (the platform is not available, push again)');
  decide();
  await until(() => finished);
  expect((await push('main')).stderr).toContain('the platform is not available, push again');
  await hooks.listen();
});

test('the socket is closed to others and to whoever has no token, and a token is good once', async () => {
  const mode = async (file: string) => (await stat(file)).mode & 0o777;
  expect([await mode(path.join(dir, 'run')), await mode(hooks.socketPath)]).toEqual([0o700, 0o600]);
  const say = (text: string) =>
    new Promise<string>((resolve) => {
      const socket = net.connect(hooks.socketPath);
      let answer = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
      socket.on('error', () => undefined).on('close', () => resolve(answer));
      socket.write(text);
    });
  const token = hooks.issue({ context: {}, repository: bare() });
  const request = (value: string) => `${value}\n\n`;
  expect([await say(request('guess')), await say('rubbish\n\n'), pushes.length]).toEqual(['', '', 0]);
  expect([await say(request(token)), await say(request(token)), pushes.length]).toEqual(['end\n', '', 1]);
  const revoked = hooks.issue({ context: {}, repository: bare() });
  hooks.revoke(revoked);
  expect(await say(request(revoked))).toBe('');
});

test('ensureHooks may be repeated and repairs what it finds', async () => {
  await rm(path.join(dir, 'hooks', 'proc-receive'));
  await mkdir(path.join(dir, 'hooks'), { recursive: true });
  await writeFile(path.join(dir, 'hooks', 'proc-receive'), 'garbage');
  await ensureHooks(path.join(dir, 'hooks'));
  expect((await push('main')).code).toBe(0);
  expect((await readdir(path.join(dir, 'hooks'))).sort()).toEqual(['proc-receive']);
});
