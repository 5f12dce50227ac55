// A disk without room, and with room again.
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import path from 'node:path';
import { findCommand, must } from '../../deploy/setup/lib/run.mjs';

const BLOCK = Buffer.alloc(4096);

function writeAll(fd) {
  try {
    for (;;) writeSync(fd, BLOCK);
  } catch (error) {
    if (error.code !== 'ENOSPC') throw error;
  }
}

/** Takes the last free byte of the disk that holds `dir`. @param {string} dir @returns {Promise<() => void>} gives it back */
export async function fillDisk(dir) {
  const files = ['.chaos-fill', '.chaos-rest'].map((name) => path.join(dir, name));
  const { bavail, bsize } = statfsSync(dir);
  // In a process of its own: our proxies go on meanwhile. What is written between the two is room that is taken as well.
  if (bavail > 0)
    await must(findCommand('fallocate'), ['--length', String(Math.floor(bavail * bsize * 0.99)), files[0]]);
  const fd = openSync(files[1], 'w');
  writeAll(fd);
  closeSync(fd);
  return () => {
    for (const file of files) rmSync(file, { force: true });
  };
}
