/** Joining several asynchronous sources into one. Pure: knows neither containers nor clients. */

type Arrived<T> = { from: AsyncIterator<T>; result: IteratorResult<T> } | { error: unknown };

/**
 * What comes first is yielded first; more sources may be added while it runs. Each is at most one item ahead of the consumer. Written
 * out because Promise.race() with a source that is silent for hours keeps a reaction per race in memory.
 */
export class Streams<T> implements AsyncIterable<T> {
  private readonly open = new Set<AsyncIterator<T>>();
  private readonly arrived: Arrived<T>[] = [];
  private wake: () => void = () => {};

  add(source: AsyncIterable<T>): void {
    const iterator = source[Symbol.asyncIterator]();
    this.open.add(iterator);
    this.pull(iterator);
  }

  /** Ends when every source has ended; throws what a source throws. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      while (this.open.size > 0) {
        const next = this.arrived.shift();
        if (!next) await new Promise<void>((resolve) => (this.wake = resolve));
        else if ('error' in next) throw next.error;
        else if (next.result.done) this.open.delete(next.from);
        else {
          yield next.result.value;
          this.pull(next.from);
        }
      }
    } finally {
      // Not awaited: a source may be in the middle of waiting; it ends with its signal, and has nobody left to report to.
      for (const iterator of this.open) iterator.return?.()?.catch(() => {});
    }
  }

  private pull(from: AsyncIterator<T>): void {
    const put = (item: Arrived<T>) => {
      this.arrived.push(item);
      this.wake();
    };
    from.next().then(
      (result) => put({ from, result }),
      (error: unknown) => put({ error }),
    );
  }
}

interface Cursor<T> {
  source: AsyncIterator<T[]>;
  batch: T[];
  at: number;
}

/** Sorted sources -> one sorted source, in batches. Reads no further ahead than one batch of each. */
export async function* mergeSorted<T>(
  sources: AsyncIterable<T[]>[],
  keyOf: (item: T) => string,
  batchSize = 500,
): AsyncGenerator<T[]> {
  const [only] = sources;
  if (only && sources.length === 1) return yield* only;
  const cursors = await Promise.all(
    sources.map((source) => refilled<T>({ source: source[Symbol.asyncIterator](), batch: [], at: 0 })),
  );
  let open = cursors.filter((cursor) => cursor !== null);
  let out: T[] = [];
  try {
    while (open.length > 0) {
      const first = open.reduce((least, cursor) => (keyOf(head(cursor)) < keyOf(head(least)) ? cursor : least));
      out.push(head(first));
      first.at += 1;
      if (first.at === first.batch.length && !(await refilled(first))) open = open.filter((cursor) => cursor !== first);
      if (out.length < batchSize) continue;
      yield out;
      out = [];
    }
    if (out.length > 0) yield out;
  } finally {
    for (const { source } of open) source.return?.()?.catch(() => {}); // as in Streams
  }
}

function head<T>(cursor: Cursor<T>): T {
  return cursor.batch[cursor.at] as T;
}

/** Null when the source has ended. */
async function refilled<T>(cursor: Cursor<T>): Promise<Cursor<T> | null> {
  do {
    const { done, value } = await cursor.source.next();
    if (done) return null;
    cursor.batch = value;
    cursor.at = 0;
  } while (cursor.batch.length === 0);
  return cursor;
}
