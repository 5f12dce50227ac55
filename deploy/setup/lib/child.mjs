// One supervised process: spawned by us, or found alive after our predecessor was killed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { isAlive, procOf } from './processes.mjs';

/**
 * What to run.
 * @typedef {object} Spec
 * @property {string} command
 * @property {string[]} args
 * @property {NodeJS.ProcessEnv} env the whole environment
 * @property {string} [cwd]
 * @property {{ uid: number, gid: number }} [user]
 * @property {string[]} [inherit] files or folders that we open for it: its descriptors 3, 4, ... (see postgres.mjs)
 * @property {boolean} [ipc] with a channel on which the child says `ready`
 */

/** Two specs with the same fingerprint make the same process. @param {Spec} spec */
export const fingerprint = (spec) => createHash('sha256').update(JSON.stringify(spec)).digest('hex');

/**
 * @typedef {object} Handle
 * @property {import('./processes.mjs').Proc} proc
 * @property {Promise<string>} exited how it ended, in words
 * @property {() => boolean} saidReady true once an `ipc` child has sent `ready`
 */

function stdioOf(spec, log) {
  const opened = (spec.inherit ?? []).map((file) => openSync(file, 'r'));
  return { stdio: ['ignore', log, log, ...opened, ...(spec.ipc ? ['ipc'] : [])], opened };
}

/**
 * Its output goes straight to the log file, not through us: it must not die of a broken pipe when we are killed. In a session of its own,
 * so that Ctrl-C reaches us alone and we stop everything in order.
 * @param {Spec} spec @param {number} log file descriptor @returns {Promise<Handle>}
 */
export async function spawnChild(spec, log) {
  const { stdio, opened } = stdioOf(spec, log);
  try {
    const child = spawn(spec.command, spec.args, { cwd: spec.cwd, env: spec.env, ...spec.user, stdio, detached: true });
    const exited = new Promise((resolve) =>
      child.once('exit', (code, signal) => resolve(signal ? `killed by ${signal}` : `exit code ${code}`)),
    );
    let said = false;
    child.on('message', (text) => {
      said ||= text === 'ready';
    });
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    // Already gone again: its `exited` tells, and no other process can be taken for it.
    return { proc: procOf(child.pid) ?? { pid: child.pid, start: 'gone' }, exited, saidReady: () => said };
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

const ADOPTED_POLL_MS = 250;

/** A process that is not our child sends no exit event: it is looked at. @param {import('./processes.mjs').Proc} proc @returns {Handle} */
export function adoptChild(proc) {
  const exited = new Promise((resolve) => {
    const timer = setInterval(() => {
      if (isAlive(proc)) return;
      clearInterval(timer);
      resolve('ended');
    }, ADOPTED_POLL_MS);
  });
  return { proc, exited, saidReady: () => true };
}
