/**
 * Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), written to the socket directly: with backpressure,
 * a heartbeat so that proxies keep the connection, and an end for clients that do not read.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { AppError, publicMessage } from '../errors.js';
import { GAP_FRAME } from './sse-frames.js';

export interface ServerEvent {
  /** What the browser sends back as `Last-Event-ID`. No line ends. */
  id?: string;
  event?: string;
  /** May have several lines. */
  data: string;
}

/**
 * Yields events, or whole batches already written by {@link formatEvents}. The signal is aborted when the client leaves or the process
 * stops; the source should then end.
 */
export type EventSource = (signal: AbortSignal) => AsyncIterable<ServerEvent | string>;

export interface EventOptions {
  heartbeatMs?: number;
  /** A client that does not read for so long is cut. */
  stallMs?: number;
}

const HEARTBEAT_MS = 15_000;
const STALL_MS = 30_000;
/** How long a cut client has to read what is left before its socket is closed. */
const FAREWELL_MS = 5_000;
const HEARTBEAT_FRAME = ': heartbeat\n\n';

const openStreams = new WeakMap<FastifyInstance['server'], Set<AbortController>>();

/** Call once per server: its streams end when it closes, as otherwise an open log would hold up every shutdown. */
export function eventStreams(instance: FastifyInstance): void {
  const streams = new Set<AbortController>();
  openStreams.set(instance.server, streams);
  instance.addHook('preClose', async () => {
    for (const stream of streams) stream.abort();
  });
}

export function formatEvents(events: Iterable<ServerEvent>): string {
  let text = '';
  for (const { id, event, data } of events) {
    if (id !== undefined) text += `id: ${id}\n`;
    if (event !== undefined) text += `event: ${event}\n`;
    text += data.includes('\n') || data.includes('\r') ? severalLines(data) : `data: ${data}\n`;
    text += '\n';
  }
  return text;
}

/**
 * Answers with events until the source ends, the client leaves, or the server closes. Use with `@Res() reply`; errors thrown before this
 * call are ordinary answers, an error of the source becomes a last event `error` with `{error, code}`.
 */
export async function sendEvents(reply: FastifyReply, source: EventSource, options: EventOptions = {}): Promise<void> {
  const stop = new AbortController();
  const streams = openStreams.get(reply.server.server);
  const { raw } = reply;
  const leave = () => stop.abort();
  raw.once('close', leave);
  // A broken connection is also reported as closed; without a listener the error would end the process.
  raw.on('error', leave);
  if (raw.destroyed) leave();
  streams?.add(stop);
  reply.hijack();
  raw.writeHead(200, headersOf(reply));
  raw.flushHeaders();
  const heartbeat = setInterval(
    () => raw.writableNeedDrain || raw.write(HEARTBEAT_FRAME),
    options.heartbeatMs ?? HEARTBEAT_MS,
  );
  try {
    if (raw.req.method !== 'HEAD') await pump(raw, source(stop.signal), stop, options.stallMs ?? STALL_MS);
  } finally {
    clearInterval(heartbeat);
    streams?.delete(stop);
    raw.off('close', leave);
    stop.abort();
    finish(raw);
  }
}

async function pump(
  raw: ServerResponse,
  events: AsyncIterable<ServerEvent | string>,
  stop: AbortController,
  stallMs: number,
) {
  try {
    for await (const event of untilAborted(events, stop.signal)) {
      const room = raw.write(typeof event === 'string' ? event : formatEvents([event]));
      if (!room && !(await drained(raw, stop.signal, stallMs))) return void raw.write(GAP_FRAME);
    }
  } catch (error) {
    if (stop.signal.aborted) return;
    raw.write(formatEvents([{ event: 'error', data: JSON.stringify(problemOf(error)) }]));
  }
}

/** Ends with the signal even when the source waits for something that never comes. */
async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    while (!signal.aborted) {
      const next = await nextOrAbort(iterator, signal);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // Not awaited: a source that ignores its signal would keep the response open. It has nobody left to report to.
    iterator.return?.()?.catch(() => {});
  }
}

/** Promise.race with one long-lived promise would keep a reaction per event in memory: the listener is removed each time instead. */
function nextOrAbort<T>(iterator: AsyncIterator<T>, signal: AbortSignal): Promise<IteratorResult<T>> {
  return new Promise((resolve, reject) => {
    const abort = () => resolve({ done: true, value: undefined });
    signal.addEventListener('abort', abort, { once: true });
    const done = () => signal.removeEventListener('abort', abort);
    iterator.next().then(resolve, reject).finally(done);
  });
}

/** False when the client did not read in time; true also on abort, as the loop then ends by itself. */
function drained(raw: ServerResponse, signal: AbortSignal, stallMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (inTime: boolean) => () => {
      clearTimeout(timer);
      raw.off('drain', ready);
      signal.removeEventListener('abort', ready);
      resolve(inTime);
    };
    const ready = settle(true);
    const timer = setTimeout(settle(false), stallMs);
    raw.once('drain', ready);
    signal.addEventListener('abort', ready, { once: true });
    if (signal.aborted) ready();
  });
}

function finish(raw: ServerResponse): void {
  if (raw.destroyed) return;
  raw.end();
  const timer = setTimeout(() => raw.destroy(), FAREWELL_MS);
  timer.unref();
  raw.once('close', () => clearTimeout(timer));
}

function headersOf(reply: FastifyReply): Record<string, string | number | string[]> {
  const set = Object.entries(reply.getHeaders()).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    ...Object.fromEntries(set),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    // Kept alive, the connection of a stream that ended while the server closes would hold it up until it times out.
    connection: 'close',
  };
}

function severalLines(data: string): string {
  return `${data
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}`)
    .join('\n')}\n`;
}

function problemOf(error: unknown): { error: string; code: string } {
  return { error: publicMessage(error), code: error instanceof AppError ? error.code : 'internal' };
}
