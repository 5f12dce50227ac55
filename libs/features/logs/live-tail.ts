/**
 * One client's view of live output. What arrives while the client is still being sent what was written before is kept back, then joined
 * without a gap and without repeating a line. Bounded: a client that lags by more than 1 MiB gets a visible `gap` as its last event.
 */
import { Buffer } from 'node:buffer';
import { FrameQueue } from '#platform/http/index.js';
import { GAP_FRAME, MAX_LAG_BYTES } from '#platform/http/sse-frames.js';
import type { FeedBatch, FeedListener } from './container-feed.js';
import { ARCHIVE_ID, type ReplicaLine, runtimeFrame } from './frames.js';
import { isFiltering, type LineFilter, matches, NO_FILTER } from './line-filter.js';

export class LiveTail {
  private readonly queue = new FrameQueue();
  /** Null once the stored lines have been sent. */
  private kept: FeedBatch[] | null = [];
  private keptBytes = 0;
  private overflown = false;
  private feeds = 0;
  /** Timestamp of the last stored line of each container; its live lines up to there are repetitions. */
  private readonly sent = new Map<string, string>();

  constructor(private readonly filter: LineFilter = NO_FILTER) {}

  /** One per container; the tail ends when all have ended. */
  listener(): FeedListener {
    this.feeds += 1;
    return {
      take: (batch) => this.take(batch),
      end: () => {
        this.feeds -= 1;
        if (this.feeds === 0 && !this.kept) this.queue.close();
      },
    };
  }

  /** Stored lines that the client gets beside the live ones. */
  stored(lines: ReplicaLine[]): void {
    for (const { container, timestamp } of lines) if (container !== ARCHIVE_ID) this.sent.set(container, timestamp);
  }

  /** What follows the stored lines. Ends, after what has come is delivered, when every feed has ended or the signal aborts. */
  async *frames(signal: AbortSignal): AsyncGenerator<string> {
    if (this.overflown) return yield GAP_FRAME;
    const kept = this.kept ?? [];
    this.kept = null;
    for (const batch of kept) this.send(batch);
    const close = () => this.queue.close();
    if (this.feeds === 0 || signal.aborted) close();
    signal.addEventListener('abort', close, { once: true });
    try {
      yield* this.queue;
    } finally {
      signal.removeEventListener('abort', close);
    }
  }

  private take(batch: FeedBatch): void {
    if (this.kept) this.keep(batch);
    else this.send(batch);
  }

  private send(batch: FeedBatch): void {
    const fresh = this.sent.size === 0 ? batch.lines : this.unsent(batch);
    const lines = isFiltering(this.filter) ? fresh.filter((line) => matches(this.filter, line)) : fresh;
    // Whoever gets the whole batch gets the string that was made once for all.
    if (lines.length > 0) this.queue.push(lines.length === batch.lines.length ? batch.frame : runtimeFrame(lines));
  }

  private keep(batch: FeedBatch): void {
    this.keptBytes += Buffer.byteLength(batch.frame);
    this.overflown ||= this.keptBytes > MAX_LAG_BYTES;
    if (this.overflown) this.kept = [];
    else this.kept?.push(batch);
  }

  private unsent({ lines }: FeedBatch): ReplicaLine[] {
    const container = lines[0]?.container ?? '';
    const until = this.sent.get(container);
    if (until === undefined) return lines;
    const fresh = lines.filter(({ timestamp }) => timestamp > until);
    // Timestamps only grow: from here on this container needs no comparison.
    if (fresh.length > 0) this.sent.delete(container);
    return fresh;
  }
}
