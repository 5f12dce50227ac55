// One run of jest, bounded in time.
import { spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { readJson } from '../lib/files.mjs';
import { warn } from '../lib/log.mjs';
import { ROOT } from '../lib/packages.mjs';

/** A test that hangs must not keep the whole run from its closing line. */
const LONGEST_MS = 20 * 60_000;

const JEST = path.join(ROOT, 'node_modules/jest/bin/jest.js');
// Cached across runs: every dependency is compiled to CommonJS, which takes most of a first run.
const CACHE = path.join(ROOT, 'node_modules/.cache/jest');

/**
 * Suites wait for servers much of the time, so one worker more than there are cores keeps the cores busy. Stories start whole platforms: two
 * at once. Chaos is alone: what it measures must be its own doing.
 */
const workers = (group) => {
  if (group.includes('chaos')) return 1;
  return group.includes('e2e') ? 2 : Math.max(2, os.availableParallelism()) + 1;
};

const jestArgs = (group, patterns, report) => [
  JEST,
  ...['--selectProjects', ...group],
  `--maxWorkers=${workers(group)}`,
  `--cacheDirectory=${CACHE}`,
  '--passWithNoTests',
  '--json',
  `--outputFile=${report}`,
  '--',
  ...patterns,
];

/**
 * Runs a group of suites; what jest says goes to the terminal.
 * @param {{ group: string[], patterns: string[], env: NodeJS.ProcessEnv, dir: string, signal: AbortSignal }} options dir: for the report
 * @returns {Promise<object | null>} jest's report, null when it did not get to the end
 */
export async function runJest({ group, patterns, env, dir, signal }) {
  const report = path.join(dir, `${group.join('-')}.json`);
  // --json prints the report on stdout as well; people read stderr.
  const stdio = ['ignore', 'ignore', 'inherit'];
  const child = spawn(process.execPath, jestArgs(group, patterns, report), {
    cwd: ROOT,
    env,
    stdio,
    signal,
    killSignal: 'SIGTERM',
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
  const how = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, killer) => resolve(killer ? `killed by ${killer}` : code));
  });
  clearTimeout(timer);
  // 1 = tests failed, and the report says which; anything else that is not 0 is jest itself.
  const result = how === 0 || how === 1 ? readJson(report) : null;
  if (result === null) warn(`jest (${group.join(', ')}) did not finish: ${how}`);
  return result;
}
