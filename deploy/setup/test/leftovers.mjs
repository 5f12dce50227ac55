// What the tests left behind: things in Docker that carry the platform's label, and processes.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Engine } from '../lib/engine.mjs';
import { procOf, signalProc, startTime } from '../lib/processes.mjs';
import { until } from '../lib/wait.mjs';

const LABEL = 'containr.installation';
/** Engines and operating systems take a moment to forget. */
const GRACE_MS = 15_000;

/** Every process that the tests start inherits this variable. */
export const RUN_VARIABLE = 'CONTAINR_TEST_RUN';

/** Containers, networks, volumes and images of any installation. @returns {Promise<string[]>} */
export async function platformThings(dockerHost) {
  const engine = new Engine(dockerHost);
  const params = { filters: JSON.stringify({ label: [LABEL] }) };
  const [containers, networks, volumes, images] = await Promise.all([
    engine.call('GET', '/containers/json', { params: { ...params, all: 'true' } }),
    engine.call('GET', '/networks', { params }),
    engine.call('GET', '/volumes', { params }),
    engine.call('GET', '/images/json', { params }),
  ]);
  return [
    ...containers.map((one) => `container ${one.Names[0]} ${one.Id.slice(0, 12)}`),
    ...networks.map((one) => `network ${one.Name}`),
    ...(volumes.Volumes ?? []).map((one) => `volume ${one.Name}`),
    ...images.map((one) => `image ${one.RepoTags?.[0] ?? one.Id}`),
  ];
}

const read = (file) => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // the process ended meanwhile
  }
};

const link = (file) => {
  try {
    return readlinkSync(file);
  } catch {
    return ''; // ended, or a thread of the kernel
  }
};

const commandOf = (pid) => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();

/** @typedef {{ run: string, dir: string }} TestRun run: value of RUN_VARIABLE; dir: TMPDIR of the tests */

/**
 * Started by the tests: has the variable, or, when it was given an environment of its own, works in or with the folder of the tests.
 * @param {string} pid @param {TestRun} testRun
 */
function belongsTo(pid, { run, dir }) {
  const marked = read(`/proc/${pid}/environ`).split('\0').includes(`${RUN_VARIABLE}=${run}`);
  return marked || link(`/proc/${pid}/cwd`).startsWith(`${dir}/`) || commandOf(pid).includes(`${dir}/`);
}

/** Live processes of a test run. @param {TestRun} testRun @returns {{ pid: number, command: string }[]} */
export function processesOf(testRun) {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids
    .filter((pid) => belongsTo(pid, testRun) && startTime(Number(pid)) !== null)
    .map((pid) => ({ pid: Number(pid), command: commandOf(pid) }));
}

/** @param {TestRun & { dockerHost: string | null, before: string[] }} options @returns {Promise<string[]>} lines, empty when all is clean */
export async function leftBehind({ dockerHost, before, ...testRun }) {
  const look = async () => [
    ...processesOf(testRun).map(({ pid, command }) => `process ${pid} ${command}`),
    ...(dockerHost ? (await platformThings(dockerHost)).filter((thing) => !before.includes(thing)) : []),
  ];
  const clean = async () => (await look()).length === 0;
  const isClean = await until(clean, { what: 'clean-up', within: GRACE_MS, every: 250 }).catch(() => false);
  return isClean ? [] : await look();
}

/** Nothing of a test run goes on after it, also when the run was interrupted. */
export function killProcessesOf(testRun) {
  for (const { pid } of processesOf(testRun)) {
    const proc = procOf(pid);
    if (proc) signalProc(proc, 'SIGKILL');
  }
}
