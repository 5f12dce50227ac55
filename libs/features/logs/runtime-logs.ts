/** Output of containers: what is stored, and what is stored followed by what comes. It is read from the engine, never kept by us. */
import { Inject, Injectable } from '@nestjs/common';
import type { ContainerRuntime } from '#drivers/runtime/port.js';
import { RUNTIME } from '#drivers/tokens.js';
import { Bus } from '#platform/bus.js';
import { NotFound, Unavailable } from '#platform/errors.js';
import { LogHub, replicaLines } from './container-feed.js';
import { ENGINE_MS, type LogContainer, runtimeUnavailable } from './containers.js';
import { type Cursor, type ReplicaLine, runtimeFrame, unseenAfter } from './frames.js';
import { LiveTail } from './live-tail.js';
import { mergeSorted } from './streams.js';

export type Tail = number | 'all';
/** Where following begins: after what a client has seen, or with the last lines. */
export type Begin = { tail: Tail } | { after: Extract<Cursor, { container: string }> };

/** Lines of one answer without follow. */
export const MAX_LINES = 10_000;
const LOOK_MS = 2000;

/** "all" or a number of lines, as the query gives it. */
export function tailOf(text: string): Tail {
  return text === 'all' ? 'all' : Number(text);
}

export function capped(tail: Tail): number {
  return tail === 'all' ? MAX_LINES : Math.min(tail, MAX_LINES);
}

@Injectable()
export class RuntimeLogs {
  constructor(
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    private readonly hub: LogHub,
    private readonly bus: Bus,
  ) {}

  /**
   * The last `tail` lines of all containers together, by time.
   * @throws Unavailable `runtime_unavailable` when the engine does not give them within `ms`
   */
  async last(containers: LogContainer[], tail: Tail, ms = ENGINE_MS): Promise<ReplicaLine[]> {
    const limit = capped(tail);
    if (limit === 0) return [];
    const signal = AbortSignal.timeout(ms);
    const lines: ReplicaLine[] = [];
    for await (const batch of this.stored(containers, { tail: limit }, signal)) {
      lines.push(...batch);
      if (lines.length > 2 * MAX_LINES) lines.splice(0, lines.length - limit);
    }
    if (signal.aborted) throw runtimeUnavailable();
    return lines.slice(-limit);
  }

  /** Groups of containers as they appear: what is there now, then each time what is new. Ends with the signal. */
  async *appearing(
    find: () => Promise<LogContainer[]>,
    topic: string,
    signal: AbortSignal,
  ): AsyncGenerator<LogContainer[]> {
    const known = new Set<string>();
    while (!signal.aborted) {
      const changed = this.bus.next(topic, LOOK_MS, signal);
      const fresh = (await this.findQuietly(find)).filter(({ handle }) => !known.has(handle.id));
      for (const { handle } of fresh) known.add(handle.id);
      if (fresh.length > 0) yield fresh;
      await changed;
    }
  }

  /** Frames of server-sent events; ends when the containers are gone or the signal aborts, or with a gap when the client is too slow. */
  async *follow(containers: LogContainer[], begin: Begin, signal: AbortSignal): AsyncGenerator<string> {
    const tail = new LiveTail();
    const leave: (() => void)[] = [];
    try {
      for (const container of containers) {
        const feed = this.hub.acquire(container);
        leave.push(() => this.hub.release(container));
        await feed.ready;
        leave.push(feed.listen(tail.listener()));
      }
      for await (const lines of this.before(containers, begin, signal)) {
        tail.stored(lines);
        yield runtimeFrame(lines);
      }
      yield* tail.frames(signal);
    } finally {
      for (const step of leave.reverse()) step();
    }
  }

  private before(containers: LogContainer[], begin: Begin, signal: AbortSignal): AsyncIterable<ReplicaLine[]> {
    if ('after' in begin) return this.stored(containers, begin, signal);
    // More than that is streamed instead of collected: the client's pace then holds back the engine.
    if (begin.tail === 'all' || begin.tail > MAX_LINES) return this.stored(containers, { tail: 'all' }, signal);
    return this.collected(containers, begin.tail);
  }

  /** Exactly the last lines of all containers together. */
  private async *collected(containers: LogContainer[], tail: Tail): AsyncGenerator<ReplicaLine[]> {
    const lines = await this.last(containers, tail);
    if (lines.length > 0) yield lines;
  }

  private stored(containers: LogContainer[], begin: Begin, signal: AbortSignal): AsyncGenerator<ReplicaLine[]> {
    const sources = containers.map((container) => this.storedOf(container, begin, signal));
    // Fixed-width UTC texts: they sort like the times they stand for.
    return mergeSorted(sources, ({ timestamp }) => timestamp);
  }

  private async *storedOf(container: LogContainer, begin: Begin, signal: AbortSignal): AsyncGenerator<ReplicaLine[]> {
    const where =
      'tail' in begin
        ? { tail: begin.tail }
        : { tail: 'all' as const, after: unseenAfter(begin.after, container.handle.id) };
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
