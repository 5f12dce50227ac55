import { setTimeout as pause } from 'node:timers/promises';
import { mergeSorted, Streams } from './streams.js';

async function* from<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describe('Streams', () => {
  it('yields what comes first, also of sources added on the way, and ends with the last one', async () => {
    const streams = new Streams<string>();
    async function* slow() {
      await pause(20);
      yield 'slow';
    }
    streams.add(slow());
    streams.add(from('a', 'b'));
    const seen: string[] = [];
    for await (const item of streams) {
      seen.push(item);
      if (item === 'b') streams.add(from('late'));
    }
    expect(seen).toEqual(['a', 'b', 'late', 'slow']);
  });

  it('throws what a source throws and lets the others go', async () => {
    const streams = new Streams<string>();
    let left = false;
    async function* other() {
      try {
        yield 'one';
        yield 'two';
      } finally {
        left = true;
      }
    }
    async function* broken() {
      yield await pause(5, 'three');
      throw new Error('broken');
    }
    streams.add(other());
    streams.add(broken());
    await expect(all(streams)).rejects.toThrow('broken');
    await pause(1);
    expect(left).toBe(true);
  });

  it('reads a source at most one item ahead', async () => {
    let produced = 0;
    async function* source() {
      for (;;) yield ++produced;
    }
    const streams = new Streams<number>();
    streams.add(source());
    for await (const item of streams) {
      await pause(1);
      expect(produced).toBeLessThanOrEqual(item + 1);
      if (item === 5) break;
    }
  });
});

describe('mergeSorted', () => {
  it('merges batches by key', async () => {
    const merged = mergeSorted([from([1, 4], [], [7]), from([2, 3, 9]), from<number[]>()], String, 2);
    expect(await all(merged)).toEqual([
      [1, 2],
      [3, 4],
      [7, 9],
    ]);
  });
});
