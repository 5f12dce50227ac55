// Loaded into API and worker before anything else (node --import): their wall clock is the machine's plus an offset that a file holds.
// Node's timers and performance.now() run on the monotonic clock, which no jump of the wall clock moves: only Date is replaced.
import { readFileSync, watchFile } from 'node:fs';

const file = process.env.CHAOS_CLOCK_FILE;
const LOOK_MS = 100;
const Real = Date;
let offset = 0;

function read() {
  try {
    offset = Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    offset = 0; // no file: nobody has moved the clock
  }
}

class Shifted extends Real {
  constructor(...args) {
    super(...(args.length ? args : [Real.now() + offset]));
  }

  static now() {
    return Real.now() + offset;
  }
}

if (file) {
  read();
  watchFile(file, { interval: LOOK_MS, persistent: false }, read);
  globalThis.Date = Shifted;
}
