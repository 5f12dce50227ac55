import type { LogLine } from '../port.js';
import { frame } from '../testing/scripted-engine.js';
import { BATCH_LINES, logBatches } from './log-batches.js';
import { LogParser } from './log-parser.js';

let clock = 0;
const line = (text: string) => {
  clock += 1;
  return frame(1, `2026-01-02T03:04:05.${String(clock).padStart(9, '0')}Z ${text}\n`);
};
const many = (count: number) => Buffer.concat(Array.from({ length: count }, (_, n) => line(`line ${n}`)));

async function sizes(chunks: AsyncIterable<Buffer>): Promise<number[]> {
  const found: number[] = [];
  for await (const batch of logBatches(chunks, new LogParser())) found.push(batch.length);
  return found;
}

describe('logBatches', () => {
  it('cuts at 500 lines and gives out the rest at the end', async () => {
    async function* source() {
      yield many(1200);
    }
    expect(await sizes(source())).toEqual([BATCH_LINES, BATCH_LINES, 200]);
  });

  it('gathers what comes close together, and does not wait for more than the time', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* source() {
      yield line('a');
      yield line('b');
      await held;
      yield line('c');
    }
    const batches = logBatches(source(), new LogParser());
    const first = (await batches.next()).value as LogLine[];
    expect(first.map(({ message }) => message)).toEqual(['a', 'b']);
    release();
    expect((await batches.next()).value).toMatchObject([{ message: 'c' }]);
    expect((await batches.next()).done).toBe(true);
  });

  it('reads at most one chunk ahead of a consumer that stands still', async () => {
    let pulled = 0;
    async function* source() {
      for (;;) {
        pulled += 1;
        yield many(BATCH_LINES);
      }
    }
    const batches = logBatches(source(), new LogParser());
    await batches.next();
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(pulled).toBeLessThanOrEqual(2);
    await batches.return(undefined);
  });

  it('gives out what it has, then the error, and closes its source when left early', async () => {
    let closed = 0;
    async function* source(fail: boolean) {
      try {
        yield many(2);
        if (fail) throw new Error('cut');
        yield many(2000);
      } finally {
        closed += 1;
      }
    }
    await expect(sizes(source(true))).rejects.toThrow('cut');
    for await (const _ of logBatches(source(false), new LogParser())) break;
    expect(closed).toBe(2);
  });
});
