// npm test: all suites, with every server they need, from nothing. `npm test -- [small|medium|real|e2e ...] [path pattern ...]`
// The last line is `N passed, N failed` (and `, N skipped`).
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensureImages } from '../images/build.mjs';
import { RECIPES } from '../images/recipes.mjs';
import { withoutNpm } from './lib/apps.mjs';
import { ensureCommands } from './lib/apt.mjs';
import { Engine } from './lib/engine.mjs';
import { runMain, say, warn } from './lib/log.mjs';
import { ensureMachine } from './lib/machine.mjs';
import { ensureGenerated, ensurePackages } from './lib/packages.mjs';
import { Platform } from './lib/platform.mjs';
import { freeSettings } from './lib/settings.mjs';
import { onStopSignals } from './lib/signals.mjs';
import { runJest } from './test/jest.mjs';
import { killProcessesOf, leftBehind, platformThings, RUN_VARIABLE } from './test/leftovers.mjs';
import { closingLine, countsOf, isGreen, selection, skippedLine, total } from './test/suites.mjs';

// Test databases live for minutes: a power cut may cost them, and creating one per suite is much faster this way.
const DATABASE_SETTINGS = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', max_connections: '300' };

/** The servers' environment: what the operator uses for real is never tested against. */
function serverEnv(env) {
  const { DATABASE_URL: _db, REDIS_URL: _redis, CONTAINR_DATA_DIR: _dir, ...rest } = env;
  const own = {};
  if (env.CONTAINR_TEST_DATABASE_URL) own.DATABASE_URL = env.CONTAINR_TEST_DATABASE_URL;
  if (env.CONTAINR_TEST_REDIS_URL) own.REDIS_URL = env.CONTAINR_TEST_REDIS_URL;
  return { ...rest, ...own };
}

async function prepare(wanted, env) {
  // Compresses backups.
  await ensureCommands(['zstd']);
  if (wanted.servers && !wanted.docker && !env.REDIS_URL) await ensureCommands(['redis-server']);
  // A registry to push to and pull from, with a login.
  if (wanted.docker) await ensureCommands(['docker-registry']);
  if (wanted.docker) await ensureMachine(env, { build: wanted.build });
  else await ensurePackages();
  if (!wanted.build) await ensureGenerated();
}

async function startServers(wanted, env, dir, signal) {
  const settings = await freeSettings(path.join(dir, 'data'), env);
  const servers = new Platform({ settings, env, entries: null, docker: wanted.docker, postgres: DATABASE_SETTINGS });
  await servers.start(signal);
  return servers;
}

/** What the tests see. TMPDIR is ours, so that whatever they forget there goes with us. */
function testEnv(servers, testRun, env) {
  return {
    ...withoutNpm(env),
    NODE_ENV: 'test',
    TMPDIR: testRun.dir,
    [RUN_VARIABLE]: testRun.run,
    ...(servers?.databaseUrl ? { CONTAINR_TEST_DATABASE_URL: servers.maintenanceUrl ?? servers.databaseUrl } : {}),
    ...(servers?.redisUrl ? { CONTAINR_TEST_REDIS_URL: servers.redisUrl } : {}),
    ...(servers?.dockerHost ? { DOCKER_HOST: servers.dockerHost } : {}),
  };
}

async function runGroups({ wanted, env, dir, signal }) {
  const counts = [];
  for (const group of wanted.groups) {
    signal.throwIfAborted();
    say(`\n==> ${group.join(', ')}`);
    const started = performance.now();
    const result = countsOf(await runJest({ group, patterns: wanted.patterns, env, dir, signal }));
    say(
      `${group.join(', ')}: ${closingLine(result)}${skippedLine(result)} in ${Math.round((performance.now() - started) / 1000)} s`,
    );
    counts.push(result);
  }
  return total(counts);
}

/** Something left behind is a failure like any other. @returns {Promise<number>} how many failures to add */
async function checkLeftovers(options) {
  const lines = await leftBehind(options);
  if (lines.length === 0) return 0;
  warn(['The tests left this behind:', ...lines.map((line) => `  ${line}`)].join('\n'));
  return 1;
}

async function runTests({ wanted, servers, dir, signal, env }) {
  const dockerHost = servers?.dockerHost ?? null;
  if (dockerHost) await ensureImages(Object.keys(RECIPES), { engine: new Engine(dockerHost) });
  const before = dockerHost ? await platformThings(dockerHost) : [];
  const testRun = { run: randomUUID(), dir: path.join(dir, 'tmp') };
  mkdirSync(testRun.dir);
  try {
    const counts = await runGroups({ wanted, env: testEnv(servers, testRun, env), dir, signal });
    counts.failed += await checkLeftovers({ ...testRun, dockerHost, before });
    return counts;
  } finally {
    killProcessesOf(testRun);
  }
}

async function main() {
  const { asked: signal } = onStopSignals();
  const wanted = selection(process.argv.slice(2));
  const env = serverEnv(process.env);
  await prepare(wanted, env);
  const dir = mkdtempSync(path.join(os.tmpdir(), 'containr-test-'));
  let servers = null;
  try {
    servers = wanted.servers ? await startServers(wanted, env, dir, signal) : null;
    const counts = await runTests({ wanted, servers, dir, signal, env });
    await servers?.stop();
    servers = null;
    say(`\n${closingLine(counts)}`);
    return isGreen(counts) ? 0 : 1;
  } finally {
    await servers?.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

await runMain(main);
process.exit();
