/** Output of containers: what is stored, and what is stored followed by what comes. Read from the engine; of those that are gone, from the archive. */
import { Inject, Injectable } from '@nestjs/common';
import type { ContainerRuntime } from '#drivers/runtime/port.js';
import { RUNTIME } from '#drivers/tokens.js';
import { BoundedTail } from '#platform/bounded-tail.js';
import { Bus } from '#platform/bus.js';
import { NotFound, Unavailable } from '#platform/errors.js';
import { NO_PAST, type Past } from './archived-logs.js';
import { LogHub, replicaLines } from './container-feed.js';
import { ENGINE_MS, type LogContainer, runtimeUnavailable } from './containers.js';
import { ARCHIVE_ID, type Cursor, type ReplicaLine, runtimeFrame, unseenAfter } from './frames.js';
import { type LineFilter, matches, NO_FILTER, openUntil } from './line-filter.js';
import { LiveTail } from './live-tail.js';
import { mergeSorted } from './streams.js';

export type Tail = number | 'all';
/** Where following begins: after what a client has seen, or with the last lines. */
export type Begin = { tail: Tail } | { after: Extract<Cursor, { container: string }> };

/** Lines of one answer without follow. */
export const MAX_LINES = 10_000;
const LOOK_MS = 2000;
/** Lines that a search looks at, of all containers together. */
const SCAN_LINES = 100_000;
/** Memory for the lines of one answer; few programs write lines that are long enough to matter. */
const ANSWER_BYTES = 16 * 2 ** 20;
/** What a line costs beside its text, about. */
const LINE_BYTES = 100;
/** Before the first line of a stream whose search did not look at everything. */
export const PARTIAL_FRAME = 'event: partial\ndata: {"reason":"not everything was looked at"}\n\n';

export interface Found {
  lines: ReplicaLine[];
  /** The bounds of one answer were reached: there may be more. */
  partial: boolean;
}

/** Where reading begins in each container. */
interface From {
  tail?: Tail;
  /** A time, or what a client has seen. */
  after?: string | Extract<Cursor, { container: string }>;
}

/** "all" or a number of lines, as the query gives it. */
export function tailOf(text: string): Tail {
  return text === 'all' ? 'all' : Number(text);
}

export function capped(tail: Tail): number {
  return tail === 'all' ? MAX_LINES : Math.min(tail, MAX_LINES);
}

/** What the archive must hold for a reader that begins there. */
export function wantedOf(begin: Begin, filter: LineFilter): [filter: LineFilter, limit: number] {
  if ('after' in begin) {
    const since = unseenAfter(begin.after, ARCHIVE_ID);
    return [
      { ...filter, since: filter.since && filter.since > since ? filter.since : since },
      Number.POSITIVE_INFINITY,
    ];
  }
  return [filter, begin.tail === 'all' ? Number.POSITIVE_INFINITY : begin.tail];
}

/** Lines are wanted that are not the last ones. */
function isSearch({ text, until }: LineFilter): boolean {
  return text !== '' || until !== null;
}

/** Without a search the engine counts; with one it gives more lines, and we do. */
function scanOf(filter: LineFilter, limit: number, containers: number): { tail: number; after?: string } {
  const { since } = filter;
  const tail = isSearch(filter) ? Math.ceil(SCAN_LINES / Math.max(1, containers)) : limit;
  return { tail, ...(since ? { after: new Date(Date.parse(since) - 1).toISOString() } : {}) };
}

async function* laterThan(source: AsyncIterable<ReplicaLine[]>, time: string): AsyncGenerator<ReplicaLine[]> {
  for await (const lines of source) yield lines.filter(({ timestamp }) => timestamp > time);
}

/** While a container is being removed its lines are in the archive and still in the engine: each is given out once. */
async function* withoutTwins(source: AsyncIterable<ReplicaLine[]>): AsyncGenerator<ReplicaLine[]> {
  let time = '';
  const known = new Map<string, string>();
  const isTwin = ({ timestamp, replica, message, container }: ReplicaLine) => {
    if (timestamp !== time) known.clear();
    time = timestamp;
    const key = `${replica} ${message}`;
    const other = known.get(key);
    if (other === undefined) known.set(key, container);
    return other !== undefined && other !== container;
  };
  for await (const lines of source) yield lines.filter((line) => !isTwin(line));
}

@Injectable()
export class RuntimeLogs {
  constructor(
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    private readonly hub: LogHub,
    private readonly bus: Bus,
  ) {}

  /**
   * The last `tail` lines, by time, of those that the filter lets through: of all containers together, and of what is kept of others.
   * Of each container at most SCAN_LINES are looked at, in ENGINE_MS; beyond that the answer is partial.
   * @throws Unavailable `runtime_unavailable` when the engine gives nothing within ENGINE_MS, or without a filter not all
   */
  async last(containers: LogContainer[], tail: Tail, filter = NO_FILTER, past = NO_PAST): Promise<Found> {
    const limit = capped(tail);
    if (limit === 0) return { lines: [], partial: false };
    const signal = AbortSignal.timeout(ENGINE_MS);
    const kept = new BoundedTail<ReplicaLine>(limit, ANSWER_BYTES, ({ message }) => message.length * 2 + LINE_BYTES);
    const scan = scanOf(filter, limit, containers.length);
    const seen = new Map<string, number>();
    for await (const batch of this.stored(containers, scan, signal, past)) {
      for (const line of batch) {
        seen.set(line.container, (seen.get(line.container) ?? 0) + 1);
        if (matches(filter, line)) kept.push(line);
      }
    }
    if (signal.aborted && (!isSearch(filter) || seen.size === 0)) throw runtimeUnavailable();
    const unseen = isSearch(filter) && containers.some(({ handle }) => (seen.get(handle.id) ?? 0) >= scan.tail);
    return { lines: kept.items(), partial: past.partial || signal.aborted || kept.cut || unseen };
  }

  /** Groups of containers as they appear: what is there now, which may be none, then each time what is new. Ends with the signal. */
  async *appearing(
    find: () => Promise<LogContainer[]>,
    topic: string,
    signal: AbortSignal,
  ): AsyncGenerator<LogContainer[]> {
    const known = new Set<string>();
    for (let first = true; first || !signal.aborted; first = false) {
      const changed = this.bus.next(topic, LOOK_MS, signal);
      const fresh = (await this.findQuietly(find)).filter(({ handle }) => !known.has(handle.id));
      for (const { handle } of fresh) known.add(handle.id);
      if (first || fresh.length > 0) yield fresh;
      await changed;
    }
  }

  /**
   * Frames of server-sent events; ends when the containers are gone, the signal aborts or the filter's time is over, or with a gap when the
   * client is too slow.
   */
  async *follow(
    containers: LogContainer[],
    begin: Begin,
    signal: AbortSignal,
    filter = NO_FILTER,
    past = NO_PAST,
  ): AsyncGenerator<string> {
    const tail = new LiveTail(filter);
    const leave: (() => void)[] = [];
    try {
      for (const container of containers) {
        const feed = this.hub.acquire(container);
        leave.push(() => this.hub.release(container));
        await feed.ready;
        leave.push(feed.listen(tail.listener()));
      }
      for await (const { lines, partial } of this.before(containers, begin, signal, filter, past)) {
        if (partial) yield PARTIAL_FRAME;
        tail.stored(lines);
        if (lines.length > 0) yield runtimeFrame(lines);
      }
      yield* tail.frames(openUntil(filter, signal));
    } finally {
      for (const step of leave.reverse()) step();
    }
  }

  private async *before(
    containers: LogContainer[],
    begin: Begin,
    signal: AbortSignal,
    filter: LineFilter,
    past: Past,
  ): AsyncGenerator<Found> {
    // More than that is streamed instead of collected: the client's pace then holds back the engine.
    if ('tail' in begin && begin.tail !== 'all' && begin.tail <= MAX_LINES)
      return yield await this.last(containers, begin.tail, filter, past);
    if (past.partial) yield { lines: [], partial: true };
    const from = 'after' in begin ? begin : { tail: 'all' as const };
    for await (const lines of this.stored(containers, from, signal, past))
      yield { lines: lines.filter((line) => matches(filter, line)), partial: false };
  }

  private stored(
    containers: LogContainer[],
    from: From,
    signal: AbortSignal,
    past: Past,
  ): AsyncIterable<ReplicaLine[]> {
    const cursor = typeof from.after === 'object' ? from.after : null;
    const kept = cursor
      ? past.sources.map((source) => laterThan(source, unseenAfter(cursor, ARCHIVE_ID)))
      : past.sources;
    const sources = containers.map((container) => this.storedOf(container, from, signal));
    // Fixed-width UTC texts: they sort like the times they stand for.
    const merged = mergeSorted([...kept, ...sources], ({ timestamp }) => timestamp);
    return kept.length > 0 && sources.length > 0 ? withoutTwins(merged) : merged;
  }

  private async *storedOf(container: LogContainer, from: From, signal: AbortSignal): AsyncGenerator<ReplicaLine[]> {
    const { tail = 'all', after } = from;
    const time = typeof after === 'object' ? unseenAfter(after, container.handle.id) : after;
    const where = { tail, ...(time ? { after: time } : {}) };
    try {
      for await (const lines of this.runtime.logs(container.handle, { ...where, follow: false }, signal))
        yield replicaLines(container, lines);
    } catch (error) {
      // Removed since we looked: there is nothing left to read.
      if (!(error instanceof NotFound)) throw signal.aborted ? runtimeUnavailable(error) : error;
    }
  }

  /** A stream that is open waits for an engine that is away instead of failing. */
  private async findQuietly(find: () => Promise<LogContainer[]>): Promise<LogContainer[]> {
    try {
      return await find();
    } catch (error) {
      if (error instanceof Unavailable) return [];
      throw error;
    }
  }
}
