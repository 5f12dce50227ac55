/** git processes found through /proc (proc(5)): those of one call that must end, and those a killed platform left in a repository. */
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { REPOSITORY_MARK } from './git-environment.js';

async function pids(): Promise<number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
}

async function environmentOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''); // Gone, or another user's.
  return text.split('\0');
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ESRCH: it ended by itself in between.
  }
}

/** Kills every process whose environment has NAME=value, until none is left. Children inherit it, so orphans are found as well. */
export async function killMarked(name: string, value: string): Promise<void> {
  const entry = `${name}=${value}`;
  for (;;) {
    const found: number[] = [];
    // A zombie's environment reads as empty: what is found can still run.
    for (const pid of await pids())
      if (pid !== process.pid && (await environmentOf(pid)).includes(entry)) found.push(pid);
    if (found.length === 0) return;
    found.forEach(kill);
  }
}

async function isUsed(repository: string): Promise<boolean> {
  for (const pid of await pids()) {
    if (pid !== process.pid && (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === repository) return true;
  }
  return false;
}

/**
 * Removes lock files that no process holds any more. Call it with the repository's lock held: a fetch that still runs then belongs to a
 * platform process that was killed, and is ended first. A push under way (a process of another kind inside the repository) keeps its locks.
 * @returns false when the locks are in use
 */
export async function removeStaleLocks(repository: string): Promise<boolean> {
  await killMarked(REPOSITORY_MARK, repository);
  if (await isUsed(repository)) return false;
  const entries = await readdir(repository, { recursive: true, withFileTypes: true });
  const locks = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.lock'));
  for (const lock of locks) await rm(join(lock.parentPath, lock.name), { force: true });
  return true;
}
