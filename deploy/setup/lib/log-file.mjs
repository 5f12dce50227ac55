// Log files of the supervised processes: bounded, and shown on the terminal when somebody watches.
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  watch,
} from 'node:fs';
import path from 'node:path';

const MAX_BYTES = 20 * 1024 * 1024;
const CHECK_MS = 30_000;

const sizeOf = (file) => (existsSync(file) ? statSync(file).size : 0);

/** Keeps the last full file as `<file>.1`. Copied and cut, not renamed: the process that writes keeps its descriptor (O_APPEND). */
export function rotate(file, maxBytes = MAX_BYTES) {
  if (sizeOf(file) <= maxBytes) return;
  copyFileSync(file, `${file}.1`);
  truncateSync(file, 0);
}

/** The last `count` lines of a log file, without reading more than 64 KiB of it. */
export function lastLines(file, count) {
  if (!existsSync(file)) return [];
  const text = readFileSync(file).subarray(-65_536).toString('utf8');
  return text.trimEnd().split('\n').slice(-count);
}

/** Copies what is appended to `file` from now on to `write`. @returns {() => void} stops */
function follow(file, write) {
  let position = sizeOf(file);
  const pump = () => {
    const size = sizeOf(file);
    if (size < position) position = 0; // cut by rotate()
    const fd = openSync(file, 'r');
    try {
      while (position < size) {
        const chunk = Buffer.alloc(Math.min(size - position, 65_536));
        const read = readSync(fd, chunk, 0, chunk.length, position);
        if (read === 0) return;
        position += read;
        write(chunk.subarray(0, read));
      }
    } finally {
      closeSync(fd);
    }
  };
  const watcher = watch(file, { persistent: false }, pump);
  return () => {
    watcher.close();
    pump();
  };
}

/** The logs folder of one installation. */
export class LogFiles {
  #open = new Map();
  #timer = setInterval(() => {
    for (const name of this.#open.keys()) rotate(this.file(name));
  }, CHECK_MS).unref();

  constructor(dir) {
    this.dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  file(name) {
    return path.join(this.dir, `${name}.log`);
  }

  /** Descriptor to append to; the same one for every start of that process. @param {boolean} echo show it on the terminal too */
  open(name, echo) {
    const known = this.#open.get(name);
    if (known) return known.fd;
    const file = this.file(name);
    rotate(file);
    const fd = openSync(file, 'a', 0o600);
    this.#open.set(name, { fd, stop: echo ? follow(file, (chunk) => process.stdout.write(chunk)) : () => {} });
    return fd;
  }

  close() {
    clearInterval(this.#timer);
    for (const { fd, stop } of this.#open.values()) {
      stop();
      closeSync(fd);
    }
    this.#open.clear();
  }
}
