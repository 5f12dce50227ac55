// The platform's own share of the machine when no systemd unit gives it one: containers and builds live in Docker's group, we in ours.
// Kernel: Documentation/admin-guide/cgroup-v1/cpusets.rst, scheduler/sched-design-CFS.rst (cpu.shares); admin-guide/cgroup-v2.rst (cpu.weight).
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const NAME = 'containr';
/** Four times the kernel's default (1024, 100), which Docker's group has: of a busy processor we get at least four fifths when we want it. */
const SHARES = '4096';
const WEIGHT = '400';
/** Below 0, which other programs have: the kernel takes builds (800) and apps (500) first. Children inherit it. */
const OOM_SCORE = '-500';

/** Our group in the hierarchy of the cpu controller, from the text of /proc/self/cgroup; null when there is none. */
export function ownGroup(text, unified) {
  const lines = text.split('\n').map((line) => line.split(':'));
  const line = lines.find(([, controllers = '']) =>
    unified ? controllers === '' : controllers.split(',').includes('cpu'),
  );
  return line ? line.slice(2).join(':') : null;
}

/** @param {string} root where control groups are mounted @param {string} membership text of /proc/self/cgroup */
function joinGroup(root, membership, pid) {
  const unified = existsSync(path.join(root, 'cgroup.controllers'));
  // In a unit, a container or a session somebody has decided on our share already.
  if (ownGroup(membership, unified) !== '/') return false;
  const dir = path.join(root, unified ? '' : 'cpu', NAME);
  if (unified) writeFileSync(path.join(root, 'cgroup.subtree_control'), '+cpu');
  mkdirSync(dir, { recursive: true });
  writeFileSync(path.join(dir, unified ? 'cpu.weight' : 'cpu.shares'), unified ? WEIGHT : SHARES);
  writeFileSync(path.join(dir, 'cgroup.procs'), String(pid));
  return true;
}

/** What the machine does not let us do is left: the platform runs, with everybody's share. @returns {boolean} whether it was done */
function attempt(work) {
  try {
    return work();
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'EINVAL', 'EBUSY', 'ENOTSUP'].includes(error.code)) return false;
    throw error;
  }
}

/**
 * For this process and everything that it starts. The empty group that stays after the end costs nothing.
 * @returns {{ cpu: boolean, memory: boolean }} what could be had
 */
export function takeOwnShare({ root = '/sys/fs/cgroup', proc = '/proc/self', pid = process.pid } = {}) {
  return {
    cpu: attempt(() => joinGroup(root, readFileSync(path.join(proc, 'cgroup'), 'utf8'), pid)),
    memory: attempt(() => {
      writeFileSync(path.join(proc, 'oom_score_adj'), OOM_SCORE);
      return true;
    }),
  };
}
