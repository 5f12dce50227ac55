// Namespaces of our own (unshare(1)): network, so that a second dockerd cannot disturb the first one's bridges and firewall rules; mounts, for
// disks that can be filled; processes, so that nothing of us lives on, however we end.
import { spawn } from 'node:child_process';
import { SetupError } from '../../deploy/setup/lib/log.mjs';
import { findCommand, must } from '../../deploy/setup/lib/run.mjs';

const INSIDE = 'CHAOS_INSIDE';
const FLAGS = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

export const isInside = () => process.env[INSIDE] === '1';

/** Runs this very command again inside. @returns {Promise<number>} its exit code */
export async function enter() {
  if (process.getuid() !== 0)
    throw new SetupError(
      'The full chaos needs root (a dockerd and disks of its own). As any user: npm run chaos -- --short',
    );
  const args = [...FLAGS, process.execPath, ...process.argv.slice(1)];
  const child = spawn(findCommand('unshare'), args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } });
  // Ctrl-C reaches the inner process from the terminal; a signal sent to us alone is passed on by our end (--kill-child).
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGKILL'));
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

/** The new network has a loopback that is down. */
export const raiseLoopback = () => must(findCommand('ip'), ['link', 'set', 'lo', 'up']);

/** A disk in memory. @param {string} dir exists @param {string} size e.g. `64m` @returns {Promise<() => Promise<unknown>>} takes it away again */
export async function mountDisk(dir, size) {
  await must(findCommand('mount'), ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', dir]);
  return () => must(findCommand('umount'), ['--lazy', dir]);
}
