/**
 * HTTP client of one Docker Engine (Engine API 1.41 and later, unversioned paths).
 *
 * Not dockerode: its transport (docker-modem 5.0.7) formats every request with util.inspect even when debugging is off (370-480 us of CPU per
 * call against 140-300 here), reads DOCKER_HOST from the environment behind our back, and has no deadline per call.
 */
import http from 'node:http';
import https from 'node:https';
import type { Duplex, Readable } from 'node:stream';
import { AppError } from '#platform/errors.js';
import { describeAddress, type EngineAddress } from './address.js';
import { type Deadline, startDeadline } from './deadline.js';
import { refused, timedOut, unreachable } from './errors.js';

/** Milliseconds for a call that the engine answers from memory. */
export const SHORT_MS = 10_000;

export interface EngineCall {
  method: 'GET' | 'POST' | 'DELETE';
  /** Path without query; ids and names in it already encoded. */
  path: string;
  /** Objects are sent as JSON, as Docker wants its filters; undefined is left out. */
  query?: Record<string, string | number | boolean | object | undefined>;
  body?: unknown;
  /** A tar archive as the body; it goes over a connection of its own and cannot be sent twice. */
  upload?: Readable;
  headers?: Record<string, string>;
  /** Aborts the call: it rejects with signal.reason. */
  signal?: AbortSignal;
  /** Milliseconds until the call (a stream: until its head) must have answered; Infinity for none. Default SHORT_MS. */
  timeoutMs?: number;
}

export class EngineClient {
  readonly where: string;
  private readonly agent: http.Agent;

  constructor(
    readonly address: EngineAddress,
    private readonly shortMs = SHORT_MS,
  ) {
    this.where = describeAddress(address);
    // Idle sockets are unreferenced by Node: they keep no process alive.
    this.agent = new (address.protocol === 'https' ? https.Agent : http.Agent)({ keepAlive: true, maxFreeSockets: 4 });
  }

  /**
   * One call; the parsed JSON of the answer, or null for an empty one.
   * @throws NotFound 404, Conflict 409, Invalid other 4xx, Unavailable 5xx and connection failures, Capacity when the disk is full
   */
  async call<T = null>(request: EngineCall): Promise<T> {
    const deadline = this.deadline(request);
    try {
      const text = await readText(await this.open(request, deadline));
      return (text === '' ? null : parse(text)) as T;
    } catch (error) {
      throw deadline.reason() ?? this.translate(error);
    } finally {
      deadline.clear();
    }
  }

  /** One call whose answer is read by the caller; the deadline ends with the head, `signal` destroys the stream at any time. */
  async stream(request: EngineCall): Promise<http.IncomingMessage> {
    const deadline = this.deadline(request);
    try {
      const response = await this.open(request, deadline);
      deadline.clear();
      const abort = () => response.destroy();
      request.signal?.addEventListener('abort', abort, { once: true });
      response.once('close', () => request.signal?.removeEventListener('abort', abort));
      if (request.signal?.aborted) response.destroy();
      return response;
    } catch (error) {
      throw deadline.reason() ?? this.translate(error);
    } finally {
      deadline.clear();
    }
  }

  /** One call by which the engine takes the connection over: a Duplex that is the caller's. `signal` counts until then. */
  async hijack(request: EngineCall, headers: http.OutgoingHttpHeaders): Promise<Duplex> {
    const deadline = this.deadline(request);
    try {
      return await this.upgrade(request, headers, deadline);
    } catch (error) {
      throw deadline.reason() ?? this.translate(error);
    } finally {
      deadline.clear();
    }
  }

  /** A connection that broke while its stream was read becomes Unavailable; any other error stays what it is. */
  translate(error: unknown): unknown {
    return isBrokenConnection(error) ? unreachable(this.where, error) : error;
  }

  /** Closes idle connections. */
  close(): void {
    this.agent.destroy();
  }

  private deadline(request: EngineCall): Deadline {
    const ms = request.timeoutMs ?? this.shortMs;
    return startDeadline(ms, () => timedOut(this.where, ms), request.signal);
  }

  private async open(request: EngineCall, deadline: Deadline): Promise<http.IncomingMessage> {
    const over = deadline.reason();
    if (over) throw over;
    const response = await this.send(request, deadline);
    const status = response.statusCode ?? 0;
    if (status < 400) return response;
    throw refused(status, await readText(response));
  }

  private upgrade(request: EngineCall, headers: http.OutgoingHttpHeaders, deadline: Deadline): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const body = request.body === undefined ? undefined : JSON.stringify(request.body);
      const outgoing = this.request(request, body, headers);
      deadline.onEnd(() => outgoing.destroy(deadline.reason()));
      outgoing.once('upgrade', (_response, socket: Duplex, head: Buffer) => {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      outgoing.once('response', (response) =>
        readText(response).then((text) => reject(refused(response.statusCode ?? 0, text)), reject),
      );
      outgoing.on('error', (error) => reject(deadline.reason() ?? unreachable(this.where, error)));
      outgoing.end(body);
    });
  }

  private send(request: EngineCall, deadline: Deadline, again = true): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const body = request.body === undefined ? undefined : JSON.stringify(request.body);
      const outgoing = this.request(request, body);
      deadline.onEnd(() => outgoing.destroy(deadline.reason()));
      outgoing.once('response', resolve);
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // The engine closed an idle connection while we reused it (always so after its restart). Our verbs are idempotent: once more.
        const stale = again && outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        if (stale && !deadline.reason()) this.send(request, deadline, false).then(resolve, reject);
        else reject(deadline.reason() ?? unreachable(this.where, error));
      });
      if (request.upload) request.upload.pipe(outgoing);
      else outgoing.end(body);
    });
  }

  private request(
    request: EngineCall,
    body: string | undefined,
    more: http.OutgoingHttpHeaders = {},
  ): http.ClientRequest {
    const { protocol, ...target } = this.address;
    const headers: http.OutgoingHttpHeaders = { host: 'docker', ...request.headers, ...more };
    if (request.upload) headers['content-type'] = 'application/x-tar';
    else if (body !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = Buffer.byteLength(body);
    } else if (request.method === 'POST') headers['content-length'] = 0;
    const ownConnection = request.upload !== undefined || more.upgrade !== undefined;
    const agent = ownConnection ? false : this.agent;
    const options = { ...target, agent, method: request.method, path: pathOf(request), headers };
    return protocol === 'https' ? https.request(options) : http.request(options);
  }
}

/** Path and query as they go over the wire. */
export function pathOf(request: Pick<EngineCall, 'path' | 'query'>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) query.set(key, typeof value === 'object' ? JSON.stringify(value) : String(value));
  }
  return query.size > 0 ? `${request.path}?${query}` : request.path;
}

/** True for what Node reports when a socket breaks in the middle of an answer; a defect of ours (ERR_INVALID_...) is not that. */
function isBrokenConnection(error: unknown): boolean {
  const code = error instanceof AppError ? undefined : (error as NodeJS.ErrnoException)?.code;
  return typeof code === 'string' && (code === 'ERR_STREAM_PREMATURE_CLOSE' || !code.startsWith('ERR_'));
}

async function readText(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // /_ping answers "OK"
  }
}
