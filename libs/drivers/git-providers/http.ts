/**
 * HTTP for the APIs of git providers: JSON, one token, guarded addresses, rate limits, a cache of lists by ETag. Every call ends: a server
 * that is silent for 10 s counts as unavailable.
 */
import { createHash } from 'node:crypto';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { setTimeout } from 'node:timers/promises';
import type { EgressGuard } from '#platform/egress.js';
import { pinnedLookup } from '#platform/egress-redirects.js';
import { addressWrong, rateLimited, refused, tokenInsufficient, tokenRefused, unavailable } from './errors.js';
import { EtagCache } from './etag-cache.js';
import type { CallOptions, ProviderKind } from './port.js';
import { waitOf } from './rate-limit.js';

const SILENCE_MS = 10_000;
/** A page of 100 repositories of GitHub is about 600 KB. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
const MAX_REDIRECTS = 3;
/** Connections are kept for the next page, not for the next minute. */
const KEEP_MS = 4000;

export interface Answer<T> {
  status: number;
  headers: IncomingMessage['headers'];
  body: T;
}

export interface Wish {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  body?: unknown;
  /** Asked again with its ETag. */
  cached?: boolean;
  /** Statuses beside 2xx that the caller understands. */
  accept?: number[];
}

/** Shared by all accounts of a process. */
export class ProviderConnections {
  readonly cache = new EtagCache();
  readonly http = new HttpAgent({ keepAlive: true, timeout: KEEP_MS });
  readonly https = new HttpsAgent({ keepAlive: true, timeout: KEEP_MS });
  constructor(readonly guard: EgressGuard) {}
}

export class ProviderHttp {
  /** @param api address of the API without a slash at the end. @param headers with the authorization. */
  constructor(
    private readonly kind: ProviderKind,
    private readonly api: string,
    private readonly headers: Record<string, string>,
    private readonly connections: ProviderConnections,
    private readonly options: CallOptions,
  ) {}

  // biome-ignore lint/suspicious/noExplicitAny: bodies of four foreign APIs; each caller names the fields it reads
  async call<T = any>(path: string, wish: Wish = {}): Promise<Answer<T>> {
    const url = path.startsWith('http') ? new URL(path) : new URL(this.api + path);
    if (url.origin !== new URL(this.api).origin) throw addressWrong(this.kind, url.host);
    const deadline = performance.now() + (this.options.patienceMs ?? 0);
    for (;;) {
      const answer = await this.ask(url, wish);
      const wait = waitOf(answer.status, answer.headers, Date.now());
      if (wait === null) return this.judge<T>(url, wish, answer);
      if (performance.now() + wait * 1000 > deadline) throw rateLimited(this.kind, wait);
      await pause(wait * 1000, this.options.signal);
    }
  }

  private async ask(url: URL, wish: Wish): Promise<Answer<string>> {
    const key = wish.cached ? this.cacheKey(url) : null;
    const known = key ? this.connections.cache.get(key) : undefined;
    const headers: Record<string, string> = known ? { 'if-none-match': known.etag } : {};
    const answer = await this.follow(url, wish, headers);
    if (answer.status === 304 && known) return { ...answer, ...known.answer, status: 200 };
    const etag = answer.headers.etag;
    if (key && etag && answer.status === 200) this.connections.cache.put(key, { etag, answer });
    return answer;
  }

  /** A renamed repository is a redirect; the token goes to no other origin. */
  private async follow(start: URL, wish: Wish, headers: Record<string, string>): Promise<Answer<string>> {
    let url = start;
    for (let hops = 0; ; hops++) {
      const answer = await this.send(url, wish, headers);
      const { location } = answer.headers;
      if (![301, 302, 307, 308].includes(answer.status) || !location) return answer;
      const next = URL.canParse(location, url.href) ? new URL(location, url.href) : null;
      if (hops === MAX_REDIRECTS || next?.origin !== start.origin) throw addressWrong(this.kind, start.host);
      url = next;
    }
  }

  private async send(url: URL, wish: Wish, more: Record<string, string>): Promise<Answer<string>> {
    const { addresses } = await this.connections.guard.check(url);
    const secure = url.protocol === 'https:';
    const body = wish.body === undefined ? undefined : JSON.stringify(wish.body);
    const options = {
      method: wish.method ?? 'GET',
      headers: {
        accept: 'application/json',
        'user-agent': 'containr',
        ...this.headers,
        ...more,
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
      agent: secure ? this.connections.https : this.connections.http,
      lookup: pinnedLookup(addresses),
      timeout: SILENCE_MS,
      signal: this.options.signal,
    };
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) =>
        reject(this.options.signal?.aborted ? this.options.signal.reason : unavailable(this.kind, url.host, cause));
      const request = (secure ? httpsRequest : httpRequest)(url, options, (response) =>
        read(response).then((text) => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
        }, fail),
      );
      request.on('timeout', () => request.destroy(new Error('silent')));
      request.on('error', fail);
      request.end(body);
    });
  }

  private judge<T>(url: URL, wish: Wish, answer: Answer<string>): Answer<T> {
    const { status } = answer;
    const fine = (status >= 200 && status < 300) || wish.accept?.includes(status);
    const body = parsed(answer.body);
    if (fine && (answer.body === '' || body !== undefined)) return { ...answer, body: body as T };
    if (fine || (status < 500 && body === undefined && status === 404)) throw addressWrong(this.kind, url.host);
    const said = messageOf(body) ?? `HTTP ${status}`;
    if (status === 401) throw tokenRefused(this.kind, new Error(said));
    if (status === 403) throw tokenInsufficient(this.kind, said);
    if (status >= 500) throw unavailable(this.kind, url.host, new Error(said));
    throw refused(this.kind, status, said);
  }

  private cacheKey(url: URL): string {
    const hash = createHash('sha256');
    for (const value of Object.values(this.headers)) hash.update(`${value}\n`);
    return hash.update(url.href).digest('base64url');
  }
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY_BYTES) throw new Error(`an answer of more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** undefined: not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** GitHub {message, errors[]}, GitLab {message: string | object} or {error}, Bitbucket {error: {message}}, Gitea {message}. */
function messageOf(body: unknown): string | null {
  const { message, error, errors } = (body ?? {}) as Record<string, unknown>;
  const inner = typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : error;
  const said = [message ?? inner, errors].filter((part) => part !== undefined);
  if (said.length === 0) return null;
  return said
    .map((part) => (typeof part === 'string' ? part : JSON.stringify(part)))
    .join(' ')
    .slice(0, 300);
}

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => signal?.throwIfAborted());
}
