// npm run demo: everything from nothing to a changed app, live. `-- --once` (or CI=true) ends after printing; the exit code tells.
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensureImages } from '../images/build.mjs';
import { ApiClient } from './demo/api-client.mjs';
import { removeProject } from './demo/cleanup.mjs';
import { GitWorkTree } from './demo/git.mjs';
import { getThroughIngress, Load } from './demo/load.mjs';
import { Engine } from './lib/engine.mjs';
import { ensurePrivateDir, readJson, writeAtomic } from './lib/files.mjs';
import { runMain, SetupError, say, warn } from './lib/log.mjs';
import { ensureMachine } from './lib/machine.mjs';
import { ROOT } from './lib/packages.mjs';
import { Platform } from './lib/platform.mjs';
import { freeSettings } from './lib/settings.mjs';
import { aborted, onStopSignals } from './lib/signals.mjs';
import { until } from './lib/wait.mjs';

const BASE_IMAGE = 'node:20-bookworm-slim';
const NEW_MESSAGE = 'Hello again, this is version two!';

const once = process.argv.includes('--once') || process.env.CI === 'true';
const step = (text) => say(`\n==> ${text}`);

/** The administrator of this data folder; made on the first run and kept beside the other secrets. */
function ensureAccount(dataDir) {
  const file = path.join(dataDir, 'demo.json');
  const saved = readJson(file);
  if (saved) return { account: saved, isNew: false };
  const account = { email: 'admin@containr.test', password: randomBytes(12).toString('base64url'), name: 'Demo' };
  return { account, isNew: true, keep: () => writeAtomic(file, JSON.stringify(account)) };
}

async function signIn(platform, signal) {
  const api = new ApiClient(`http://127.0.0.1:${platform.settings.ports.api}`, signal);
  const { account, isNew, keep } = ensureAccount(platform.settings.dataDir);
  await api.signIn(account, isNew);
  keep?.();
  return { api, account };
}

async function createService(api) {
  const project = await api.call('POST', '/projects', { name: `demo-${randomBytes(3).toString('hex')}` });
  const service = await api.call('POST', `/projects/${project.id}/services`, {
    name: 'hello',
    type: 'web',
    source: { type: 'git' },
    health_check_path: '/health',
  });
  return { project, service };
}

async function makeWorkTree({ platform, api, service, scratch, signal }) {
  const dir = path.join(scratch, 'hello');
  cpSync(path.join(ROOT, 'deploy/example-app'), dir, { recursive: true });
  const tree = new GitWorkTree({ dir, token: api.token, signal });
  await tree.init(`http://127.0.0.1:${platform.settings.ports.api}/git/${service.id}.git`);
  return tree;
}

/** Changes one line of the app. */
async function changeMessage(tree) {
  const file = path.join(tree.dir, 'server.mjs');
  const before = readFileSync(file, 'utf8');
  const after = before.replace(/^const message = .*$/m, `const message = '${NEW_MESSAGE}';`);
  if (after === before) throw new SetupError(`${file} has no line "const message = ..."`);
  writeFileSync(file, after);
  await tree.commitAll('another message');
}

/** The push returns when the platform says "live", so the very next request must get the new answer. */
async function requireAnswer(target, expected) {
  const { status, text } = await getThroughIngress(target);
  if (status !== 200 || !text.includes(expected))
    throw new SetupError(`The app answers ${status} ${text.trim()}, not "${expected}"`);
  say(`The app answers: ${text.trim()}`);
}

/** @returns {Promise<Load>} the visits during the second deployment */
async function pushUnderLoad(tree, target) {
  const load = new Load(target);
  try {
    await until(() => load.requests >= 10, { what: 'load', within: 10_000 });
    await tree.push();
    const seen = load.requests;
    await until(() => load.requests >= seen + 25, { what: 'load', within: 10_000 });
  } finally {
    await load.stop();
  }
  return load;
}

function summary({ platform, service, account, load }) {
  say('\n----------------------------------------------------------------');
  say(`While version two went live: ${load.requests} requests, ${load.failures.length} failed`);
  for (const failure of load.failures.slice(0, 5)) say(`  ${failure}`);
  say(`\n  Live URL   ${service.url}`);
  say(`  Dashboard  ${platform.apiUrl}`);
  say(`  Login      ${account.email}`);
  say(`  Password   ${account.password}`);
  say('----------------------------------------------------------------');
}

async function tour({ platform, scratch, signal, made }) {
  const { api, account } = await signIn(platform, signal);
  step('Creating a project and a git service');
  const { project, service } = await createService(api);
  Object.assign(made, { api, dockerHost: platform.dockerHost, projectId: project.id, serviceIds: [service.id] });
  const tree = await makeWorkTree({ platform, api, service, scratch, signal });
  const target = { port: platform.settings.ports.http, host: new URL(service.url).host };
  step('git push: the first version');
  await tree.push();
  await requireAnswer(target, 'Hello from Containr!');
  step('One changed line, git push again, 50 requests per second meanwhile');
  await changeMessage(tree);
  const load = await pushUnderLoad(tree, target);
  await requireAnswer(target, NEW_MESSAGE);
  summary({ platform, service, account, load });
  return load.failures.length === 0;
}

/** Runs every undo although one fails. @param {(() => unknown)[]} undos newest last @returns {Promise<Error[]>} */
async function undoAll(undos) {
  const failures = [];
  for (const undo of undos.toReversed()) await Promise.resolve(undo()).catch((error) => failures.push(error));
  return failures;
}

async function startPlatform(scratch, signals) {
  const settings = await freeSettings(process.env.CONTAINR_DATA_DIR || ensurePrivateDir(path.join(scratch, 'data')));
  const platform = new Platform({ settings, bind: ['127.0.0.1'], env: { CONTAINR_BIND: '127.0.0.1', ...process.env } });
  signals.hurried.addEventListener('abort', () => platform.hurry());
  step('Starting Containr');
  await platform.start(signals.asked);
  return platform;
}

/** @param {(() => unknown)[]} undos filled with what has to be taken back, newest last @returns {Promise<number>} exit code */
async function demo(undos, signals) {
  await ensureMachine();
  signals.asked.throwIfAborted();
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'containr-demo-'));
  undos.push(async () => rmSync(scratch, { recursive: true, force: true }));
  const platform = await startPlatform(scratch, signals);
  undos.push(() => platform.stop());
  await ensureImages([BASE_IMAGE], { engine: new Engine(platform.dockerHost) });
  signals.asked.throwIfAborted();
  const made = {};
  undos.push(async () => made.projectId && removeProject(made));
  const clean = await tour({ platform, scratch, signal: signals.asked, made });
  if (!once) {
    say('\nIt stays until Ctrl-C; then everything it made is removed.');
    await aborted(signals.asked);
  }
  return clean ? 0 : 1;
}

async function main() {
  const undos = [];
  const outcome = await demo(undos, onStopSignals()).then(
    (code) => ({ code }),
    (error) => ({ error }),
  );
  say('\nCleaning up ...');
  const failures = await undoAll(undos);
  for (const failure of failures) warn(failure.message);
  if (outcome.error) throw outcome.error;
  return failures.length ? 1 : outcome.code;
}

await runMain(main);
process.exit();
