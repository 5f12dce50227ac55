// A lock file that names its holder by pid and start time, so that a killed holder holds nothing.
import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJson } from './files.mjs';
import { isAlive, self } from './processes.mjs';

const sameProc = (a, b) => a?.pid === b?.pid && a?.start === b?.start;

/** Moves a dead holder's lock away. Two may try at once: whoever finds a fresh lock in its hands puts it back. */
function removeStale(file, holder) {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  if (!sameProc(readJson(aside), holder)) renameSync(aside, file);
  else rmSync(aside);
}

/** One attempt. @returns {import('./processes.mjs').Proc | null} null when the lock is ours now, else its live holder */
function tryLock(file) {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(self()), { mode: 0o600 });
  try {
    for (;;) {
      try {
        linkSync(mine, file); // link(2) fails when the target exists: that is the whole lock
        return null;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const holder = readJson(file);
      if (isAlive(holder)) return holder;
      removeStale(file, holder);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/**
 * Takes a lock.
 * @param {string} file
 * @param {{ wait?: boolean }} [options] wait: until the holder lets go or dies
 * @returns {Promise<{ holder: import('./processes.mjs').Proc } | { release: () => void }>}
 */
export async function lock(file, { wait = false } = {}) {
  for (;;) {
    const holder = tryLock(file);
    if (holder === null) return { release: () => rmSync(file, { force: true }) };
    if (!wait) return { holder };
    await sleep(50);
  }
}

/** Runs `work` while no other process runs the same. */
export async function exclusively(file, work) {
  const { release } = await lock(file, { wait: true });
  try {
    return await work();
  } finally {
    release();
  }
}
