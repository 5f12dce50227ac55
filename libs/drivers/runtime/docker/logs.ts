/** Logs of one container: open, parse, batch, and go on across restarts of the container. */
import type { Readable } from 'node:stream';
import type { Handle, LogLine, LogQuery } from '../port.js';
import { type EngineClient, SHORT_MS } from './client.js';
import { gone } from './containers.js';
import { startDeadline } from './deadline.js';
import { refusedWith, timedOut } from './errors.js';
import { jsonLines } from './json-lines.js';
import { logBatches } from './log-batches.js';
import { LogParser } from './log-parser.js';
import { rawStream } from './raw-stream.js';
import { sinceParameter } from './timestamps.js';
import type { WireContainer, WireEvent } from './wire.js';

export class Logs {
  constructor(private readonly engine: EngineClient) {}

  /**
   * Docker ends a followed log when the program exits, also when the restart policy brings it up again: then we go on where we were. At the
   * very end the stored log is read once more, because engines before 23 may end the stream before the last line is sent.
   */
  async *follow(handle: Handle, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine[]> {
    const next = { ...query };
    let last = !query.follow;
    for (let pass = 0; !signal.aborted; pass++) {
      const stream = await this.open(handle, next, signal, pass === 0);
      if (!stream) return;
      for await (const batch of this.read(stream, next.after, signal)) {
        next.after = batch.at(-1)?.timestamp;
        next.tail = 'all';
        yield batch;
      }
      if (last) return;
      const startedAt = await this.restarted(handle.id, signal);
      last = startedAt === null;
      next.follow = !last;
      // Nothing seen so far: what the new run writes is all that can be missing.
      next.after ??= startedAt ?? undefined;
    }
  }

  /** Ends, and does not throw, when the signal aborts. */
  private async *read(stream: Readable, after: string | undefined, signal: AbortSignal): AsyncGenerator<LogLine[]> {
    const abort = () => stream.destroy();
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      yield* logBatches(stream, new LogParser(after));
    } catch (error) {
      if (!signal.aborted) throw this.engine.translate(error);
    } finally {
      signal.removeEventListener('abort', abort);
      stream.destroy();
    }
  }

  /** Null when aborted, or when the container is gone and this is not the first look at it. */
  private async open(handle: Handle, query: LogQuery, signal: AbortSignal, first: boolean): Promise<Readable | null> {
    const { tail, follow, after } = query;
    const since = after === undefined ? undefined : sinceParameter(after);
    const request = {
      path: `/containers/${handle.id}/logs`,
      query: { stdout: 1, stderr: 1, timestamps: 1, follow: follow ? 1 : 0, tail, since },
    };
    try {
      return (await this.openRaw(request, signal)) ?? (await this.engine.stream({ method: 'GET', ...request, signal }));
    } catch (error) {
      if (signal.aborted) return null;
      const absent = refusedWith(error, 404) || refusedWith(error, 409, /marked for removal/i);
      if (!absent) throw this.engine.translate(error);
      if (first) throw gone(handle);
      return null;
    }
  }

  private async openRaw(request: Parameters<typeof rawStream>[1], signal: AbortSignal): Promise<Readable | null> {
    const deadline = startDeadline(SHORT_MS, () => timedOut(this.engine.where, SHORT_MS), signal);
    try {
      return await rawStream(this.engine.address, request, deadline);
    } catch (error) {
      throw deadline.reason() ?? error;
    } finally {
      deadline.clear();
    }
  }

  /** When the container runs again: the time of that start. Null when it will not, is gone, or the signal aborted. */
  private async restarted(id: string, signal: AbortSignal): Promise<string | null> {
    const filters = { container: [id], event: ['start', 'stop', 'kill', 'destroy'] };
    const watch = new AbortController();
    const stop = () => watch.abort();
    signal.addEventListener('abort', stop, { once: true });
    try {
      // Watch first, then look: a start in between is not missed.
      const request = { path: '/events', query: { filters }, signal: watch.signal };
      const events = jsonLines<WireEvent>(await this.engine.stream({ method: 'GET', ...request }));
      let now = await this.look(id);
      if (now?.State.Status === 'restarting' && !(await events.next()).done) now = await this.look(id);
      return now?.State.Running && now.State.Status !== 'restarting' ? now.State.StartedAt : null;
    } catch (error) {
      if (signal.aborted) return null;
      throw this.engine.translate(error);
    } finally {
      signal.removeEventListener('abort', stop);
      watch.abort();
    }
  }

  private async look(id: string): Promise<WireContainer | null> {
    try {
      return await this.engine.call<WireContainer>({ method: 'GET', path: `/containers/${id}/json` });
    } catch (error) {
      if (refusedWith(error, 404)) return null;
      throw error;
    }
  }
}
