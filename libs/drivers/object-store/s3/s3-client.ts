/**
 * Signed HTTP calls to one bucket of an S3-compatible server. Signature version 4 by aws4 over Node's own http: the address that the egress
 * guard has checked is the one that is dialled, which fetch() cannot promise.
 * Path-style addresses (`endpoint/bucket/key`): every server known to us takes them, and no name per bucket must exist in DNS.
 */
import http from 'node:http';
import https from 'node:https';
import aws4 from 'aws4';
import type { EgressGuard } from '#platform/egress.js';
import { pinnedLookup } from '#platform/egress-redirects.js';
import { AppError } from '#platform/errors.js';
import { refusedByS3, unreachable } from './s3-errors.js';

export interface S3Options {
  /** e.g. `https://s3.eu-central-1.amazonaws.com` or `http://10.0.0.5:9000`. */
  endpoint: string;
  region: string;
  bucket: string;
  /** Put before every key; '' for none. */
  prefix: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Trusts this CA (PEM) instead of the system's. */
  ca?: string;
}

export interface S3Call {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD';
  /** With the prefix; '' for the bucket itself. */
  key: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: Uint8Array;
  signal: AbortSignal;
}

/** Without a byte in either direction for this long the server counts as unreachable, ms. */
const SILENCE_MS = 60_000;
/** How long a look-up by the guard counts. */
const CHECKED_MS = 60_000;
/** An answer that is read whole. */
const MAX_TEXT_BYTES = 8 * 1024 * 1024;

export class S3Client {
  private checked: { addresses: string[]; until: number } | null = null;
  private readonly url: URL;

  constructor(
    readonly options: S3Options,
    private readonly guard: Pick<EgressGuard, 'check'>,
  ) {
    this.url = new URL(options.endpoint);
  }

  /** The answer with a body to be read, or an AppError for every status from 400. */
  async open(call: S3Call): Promise<http.IncomingMessage> {
    call.signal.throwIfAborted();
    const response = await this.send(call, await this.addresses());
    const status = response.statusCode ?? 0;
    if (status < 300) return response;
    throw refusedByS3(status, await readText(response), this.options, call.key);
  }

  /** The answer's body as text; a small one. S3 may answer 200 to a completion and say in the body that it failed. */
  async text(call: S3Call): Promise<{ text: string; headers: http.IncomingHttpHeaders }> {
    const response = await this.open(call);
    const text = await readText(response).catch((error) => {
      throw call.signal.aborted ? call.signal.reason : unreachable(this.options, error);
    });
    if (text.includes('<Error>')) throw refusedByS3(500, text, this.options, call.key);
    return { text, headers: response.headers };
  }

  private async addresses(): Promise<string[]> {
    if (this.checked && this.checked.until > performance.now()) return this.checked.addresses;
    const { addresses } = await this.guard.check(this.url);
    this.checked = { addresses, until: performance.now() + CHECKED_MS };
    return addresses;
  }

  private send(call: S3Call, addresses: string[]): Promise<http.IncomingMessage> {
    const { url, options } = this;
    const { method, body, signal } = call;
    const signed = aws4.sign(
      {
        service: 's3',
        region: options.region,
        method,
        host: url.host,
        path: pathOf(url, options.bucket, call),
        headers: { ...call.headers, ...(body ? { 'content-length': String(body.byteLength) } : {}) },
        // aws4 hashes what it is given; its types know only strings.
        body: (body ?? '') as string,
      },
      { accessKeyId: options.accessKeyId, secretAccessKey: options.secretAccessKey },
    );
    const request = (url.protocol === 'https:' ? https : http).request({
      protocol: url.protocol,
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      method,
      path: signed.path,
      headers: signed.headers as http.OutgoingHttpHeaders,
      lookup: pinnedLookup(addresses),
      timeout: SILENCE_MS,
      ca: options.ca,
      agent: false,
      signal,
    });
    return new Promise((resolve, reject) => {
      request.once('timeout', () => request.destroy(new Error('timeout')));
      request.once('response', resolve);
      request.on('error', (error) => reject(signal.aborted ? signal.reason : unreachable(options, error)));
      request.end(body);
    });
  }
}

function pathOf(url: URL, bucket: string, { key, query = {} }: S3Call): string {
  const base = url.pathname.replace(/\/$/, '');
  const path = [bucket, ...(key ? key.split('/') : [])].map(encodeURIComponent).join('/');
  const text = new URLSearchParams(query).toString().replaceAll('+', '%20');
  return `${base}/${path}${text ? `?${text}` : ''}`;
}

async function readText(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_TEXT_BYTES) throw new Error('the answer is too long');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Tries again what may pass by itself; the body is in memory, so sending it twice is safe. */
export async function patiently<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let pauseMs = 250; ; pauseMs *= 4) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof AppError && error.transient) || pauseMs > 5000) throw error;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pauseMs);
        signal.addEventListener('abort', () => resolve(clearTimeout(timer) as undefined), { once: true });
      });
      signal.throwIfAborted();
    }
  }
}
