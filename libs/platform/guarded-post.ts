/**
 * One POST to a URL that a user gave: checked by the egress guard now, dialled at the addresses that were checked (DNS that answers
 * differently a moment later leads nowhere), no redirect followed, and over within its deadline whatever the other side does.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { EgressGuard } from './egress.js';
import { pinnedLookup } from './egress-redirects.js';
import { AppError } from './errors.js';

/** Bytes of the answer's body that are kept. */
const KEPT_BYTES = 4096;
/** Once the status is there it decides; a body that trickles in is given up after this, ms. */
const BODY_MS = 1000;

export interface GuardedPost {
  url: string;
  headers: Record<string, string>;
  body: string;
  /** From the look-up of the name to the answer, ms. */
  deadlineMs: number;
}

/** `status` null: there was no answer. */
export interface PostAnswer {
  status: number | null;
  /** Beginning of the body. */
  body: string;
  /** Where a 3xx points to. */
  location: string | null;
  /** Why there was no answer: `url_refused host_not_found dns_unavailable timeout connection_failed`. */
  error: { code: string; message: string } | null;
}

/** Never rejects: whatever happens is an answer. */
export async function guardedPost(guard: EgressGuard, post: GuardedPost): Promise<PostAnswer> {
  const deadline = AbortSignal.timeout(post.deadlineMs);
  try {
    const { url, addresses } = await before(deadline, guard.check(post.url));
    const answer = await exchange(url, addresses, post, deadline);
    const body = await beginning(answer);
    return { status: answer.statusCode ?? 0, body, location: answer.headers.location ?? null, error: null };
  } catch (error) {
    return { status: null, body: '', location: null, error: explain(error, deadline, post.deadlineMs) };
  }
}

/** The system's resolver knows no deadline. */
function before<T>(deadline: AbortSignal, work: Promise<T>): Promise<T> {
  const late = new Promise<never>((_resolve, reject) => {
    deadline.addEventListener('abort', () => reject(deadline.reason), { once: true });
  });
  return Promise.race([work, late]);
}

function exchange(url: URL, addresses: string[], post: GuardedPost, signal: AbortSignal): Promise<IncomingMessage> {
  const send: typeof httpRequest = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const headers = { ...post.headers, 'content-length': Buffer.byteLength(post.body) };
  return new Promise((resolve, reject) => {
    const request = send(url.href, { method: 'POST', headers, signal, agent: false, lookup: pinnedLookup(addresses) });
    request.on('error', reject);
    request.on('response', resolve);
    request.end(post.body);
  });
}

/** Ends the connection as soon as enough is there. */
function beginning(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      answer.destroy();
      resolve(text(Buffer.concat(parts).subarray(0, KEPT_BYTES)));
    };
    const timer = setTimeout(done, BODY_MS);
    answer.on('data', (part: Buffer) => {
      parts.push(part);
      size += part.length;
      if (size >= KEPT_BYTES) done();
    });
    answer.on('error', done); // what came before counts; the status is known
    answer.on('close', done);
  });
}

/** As PostgreSQL can hold it. */
function text(bytes: Buffer): string {
  return bytes.toString('utf8').replaceAll('\0', '\uFFFD');
}

function explain(error: unknown, deadline: AbortSignal, deadlineMs: number): { code: string; message: string } {
  if (deadline.aborted) return { code: 'timeout', message: `There was no answer within ${deadlineMs / 1000} s.` };
  if (error instanceof AppError) return { code: error.code, message: error.message };
  const { code, message } = error as NodeJS.ErrnoException;
  return { code: 'connection_failed', message: `The connection failed: ${code ?? message}.` };
}
