/**
 * The live output of one container, read once however many clients follow it: lines are redacted and written as one string per batch,
 * and every client's queue gets that same string (measured).
 */
import { Inject, Injectable } from '@nestjs/common';
import type { ContainerRuntime, LogLine } from '#drivers/runtime/port.js';
import { RUNTIME } from '#drivers/tokens.js';
import { NotFound } from '#platform/errors.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { pause } from '#workflows/attempt.js';
import { inTime, type LogContainer } from './containers.js';
import { type ReplicaLine, runtimeFrame } from './frames.js';

export interface FeedBatch {
  lines: ReplicaLine[];
  /** The same lines, ready to be sent. */
  frame: string;
}

export interface FeedListener {
  take(batch: FeedBatch): void;
  /** The container is gone or has stopped for good. */
  end(): void;
}

const RETRY_MS = 1000;

export function replicaLines({ handle, replica, redact }: LogContainer, lines: LogLine[]): ReplicaLine[] {
  return lines.map((line) => ({
    timestamp: line.timestamp,
    stream: line.stream,
    message: redact(line.message),
    replica,
    container: handle.id,
  }));
}

export class ContainerFeed {
  /** Resolves when nothing written from now on can be missed. @throws Unavailable */
  readonly ready: Promise<void>;
  private readonly listeners = new Set<FeedListener>();
  private readonly stop = new AbortController();
  private after: string | undefined;
  private ended = false;

  constructor(
    private readonly runtime: ContainerRuntime,
    private readonly container: LogContainer,
    private readonly log: Logger,
  ) {
    this.ready = this.begin();
  }

  listen(listener: FeedListener): () => void {
    if (this.ended) listener.end();
    else this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.stop.abort();
  }

  /** The last line there is marks where the feed begins: opening a live stream says nothing about when it is open. */
  private async begin(): Promise<void> {
    await inTime(this.findLast());
    void this.run().finally(() => this.end());
  }

  private async findLast(): Promise<void> {
    try {
      for await (const lines of this.runtime.logs(
        this.container.handle,
        { tail: 1, follow: false },
        this.stop.signal,
      )) {
        this.after = lines.at(-1)?.timestamp ?? this.after;
      }
    } catch (error) {
      if (!(error instanceof NotFound)) throw error; // gone meanwhile: run() ends the same way
    }
  }

  private async run(): Promise<void> {
    while (!this.stop.signal.aborted) {
      try {
        return await this.read();
      } catch (error) {
        if (error instanceof NotFound) return;
        // A broken connection; whatever else it is, the clients wait and the operator reads why.
        this.log.warn(
          { err: error, container: this.container.handle.name },
          'reading live output failed, trying again',
        );
        await pause(RETRY_MS, this.stop.signal).catch(() => undefined); // aborted: the loop ends
      }
    }
  }

  private async read(): Promise<void> {
    const { after } = this;
    const query = { tail: 'all' as const, follow: true, ...(after ? { after } : {}) };
    for await (const lines of this.runtime.logs(this.container.handle, query, this.stop.signal)) {
      if (this.stop.signal.aborted) return;
      this.after = lines.at(-1)?.timestamp ?? this.after;
      this.publish(replicaLines(this.container, lines));
    }
  }

  private publish(lines: ReplicaLine[]): void {
    const batch = { lines, frame: runtimeFrame(lines) };
    for (const listener of this.listeners) listener.take(batch);
  }

  private end(): void {
    this.ended = true;
    for (const listener of this.listeners) listener.end();
    this.listeners.clear();
  }
}

/** The feeds that are open now, counted by their users. */
@Injectable()
export class LogHub {
  private readonly feeds = new Map<string, { feed: ContainerFeed; users: number }>();

  constructor(
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** Every acquire needs one release. */
  acquire(container: LogContainer): ContainerFeed {
    const { id } = container.handle;
    const entry = this.feeds.get(id) ?? { feed: new ContainerFeed(this.runtime, container, this.log), users: 0 };
    entry.users += 1;
    this.feeds.set(id, entry);
    // Who awaits it gets the error; with nobody left to await it, it is not "unhandled".
    entry.feed.ready.catch(() => undefined);
    return entry.feed;
  }

  release(container: LogContainer): void {
    const entry = this.feeds.get(container.handle.id);
    if (!entry) return;
    entry.users -= 1;
    if (entry.users > 0) return;
    entry.feed.close();
    this.feeds.delete(container.handle.id);
  }

  /** Containers that are being read, for tests and diagnosis. */
  get size(): number {
    return this.feeds.size;
  }
}
