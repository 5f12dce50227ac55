// Processes named by pid and start time: a pid alone may belong to somebody else by now.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** @typedef {{ pid: number, start: string }} Proc start: field 22 of /proc/<pid>/stat, clock ticks since boot (see proc(5)) */

/** The fields of /proc/<pid>/stat after the command name, which may itself hold spaces and brackets. */
export function statFields(stat) {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Start time of a live process; null when there is none or only its zombie is left. */
export function startTime(pid) {
  try {
    const fields = statFields(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return fields[0] === 'Z' || fields[0] === 'X' ? null : fields[19];
  } catch {
    return null; // the process ended, which is an answer
  }
}

/** @returns {Proc | null} */
export function procOf(pid) {
  const start = startTime(pid);
  return start === null ? null : { pid, start };
}

export const self = () => procOf(process.pid);

/** @param {Proc | null | undefined} proc */
export const isAlive = (proc) => Boolean(proc) && startTime(proc.pid) === proc.start;

/** @param {Proc} proc */
export function signalProc(proc, signal) {
  if (!isAlive(proc)) return;
  try {
    process.kill(proc.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Resolves true once the process is gone, false when it is still there after `within` ms. @param {Proc} proc */
export async function goneWithin(proc, within, hurry) {
  const deadline = performance.now() + within;
  while (isAlive(proc)) {
    if (performance.now() > deadline || hurry?.aborted) return false;
    await sleep(20);
  }
  return true;
}

/**
 * Asks a process to end, then ends it.
 * @param {Proc} proc @param {{ signal?: NodeJS.Signals, within?: number, hurry?: AbortSignal }} [options] within: ms before SIGKILL
 */
export async function stopProc(proc, { signal = 'SIGTERM', within = 10_000, hurry } = {}) {
  signalProc(proc, signal);
  if (await goneWithin(proc, within, hurry)) return;
  signalProc(proc, 'SIGKILL');
  await goneWithin(proc, 5000);
}
