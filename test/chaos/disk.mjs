// A disk without room, and with room again.
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';

const BLOCK = Buffer.alloc(1 << 20);
const LAST = Buffer.alloc(4096);

function writeAll(fd, block) {
  try {
    for (;;) writeSync(fd, block);
  } catch (error) {
    if (error.code !== 'ENOSPC') throw error;
  }
}

/** Takes the last free byte of the disk that holds `dir`. @returns {() => void} gives it back */
export function fillDisk(dir) {
  const file = path.join(dir, '.chaos-fill');
  const fd = openSync(file, 'w');
  try {
    for (const block of [BLOCK, LAST]) writeAll(fd, block);
  } finally {
    closeSync(fd);
  }
  return () => rmSync(file, { force: true });
}
