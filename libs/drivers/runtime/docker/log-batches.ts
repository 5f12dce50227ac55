/** Chunks -> batches of lines. Pulls: while the consumer is busy at most one chunk is read ahead, and the stream itself holds the rest back. */
import { setTimeout } from 'node:timers/promises';
import type { LogLine } from '../port.js';
import type { LogParser } from './log-parser.js';

export const BATCH_LINES = 500;
export const BATCH_MS = 50;

/**
 * After a small read we let this much time pass: dockerd writes a followed log line by line, and 100 lines in one read cost 20 % less CPU than
 * 5 reads of 20. Not longer: the socket of a fast writer holds about 3 ms of lines. The batch waits for its 50 ms anyway.
 */
const GATHER_MS = 1;
const SMALL_READ_BYTES = 16 * 1024;

/** Yields at most BATCH_LINES lines at a time, a line at the latest BATCH_MS after it was read. Throws what `chunks` throws. */
export async function* logBatches(chunks: AsyncIterable<Buffer>, parser: LogParser): AsyncGenerator<LogLine[]> {
  const source = chunks[Symbol.asyncIterator]();
  const clock = new BatchClock();
  let lines: LogLine[] = [];
  let next = read(source);
  try {
    for (;;) {
      // Only here may the clock tick: without lines nothing is due.
      const got = lines.length === 0 ? await next : await Promise.race([next, clock.due()]);
      if (got === 'due') {
        yield lines;
        lines = [];
        clock.reset();
        continue;
      }
      if (got.done) break;
      parser.push(got.value, lines);
      if (got.value.length < SMALL_READ_BYTES) await setTimeout(GATHER_MS);
      next = read(source);
      while (lines.length >= BATCH_LINES) {
        yield lines.splice(0, BATCH_LINES);
        clock.reset();
      }
    }
    parser.end(lines);
    if (lines.length > 0) yield lines;
  } finally {
    clock.reset();
    await source.return?.();
  }
}

/** The read ahead may fail while the consumer is busy: the error waits for the next look instead of being "unhandled". */
function read(source: AsyncIterator<Buffer>): Promise<IteratorResult<Buffer>> {
  const result = source.next();
  result.catch(() => {});
  return result;
}

/** Ticks BATCH_MS after the first question since the last reset. */
class BatchClock {
  private timer: NodeJS.Timeout | undefined;
  private promise: Promise<'due'> | undefined;

  due(): Promise<'due'> {
    this.promise ??= new Promise((resolve) => {
      this.timer = globalThis.setTimeout(resolve, BATCH_MS, 'due');
    });
    return this.promise;
  }

  reset(): void {
    clearTimeout(this.timer);
    this.promise = undefined;
  }
}
