/**
 * Git smart HTTP for the built-in remotes, on the real `git http-backend` (a CGI program). Authentication and authorization are the
 * caller's; this serves one repository to one user.
 *
 * A push: receive-pack stores the objects, then calls our proc-receive hook, which asks the HookServer; its lines reach the pusher at once
 * as `remote: ...`; accepted refs are then updated by git itself, refused ones are not and make `git push` fail.
 *
 * When the client goes away: a fetch is ended. A push whose body was not complete ends in git's own clean-up (objects arrive in a
 * quarantine folder). A complete push goes on without its reader to the verdict, so that repository and deployment agree.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Unavailable } from '#platform/errors.js';
import { type CgiRequest, cgiEnvironment } from './http-backend-environment.js';
import type { HookServer } from './http-backend-hook-server.js';

export interface GitHttpRequest extends CgiRequest {
  /** Absolute path of the bare repository. */
  repositoryPath: string;
  /** What follows the repository in the URL: `/info/refs`, `/git-upload-pack`, `/git-receive-pack`. */
  pathInfo: string;
  /** Raw, without `?`. */
  query: string;
  /** Undecoded: a gzip body is inflated by git. Always consumed or destroyed. */
  body: Readable;
  /** Given to HookServer's onPush. */
  context: Record<string, string>;
}

export interface GitHttpResponse {
  status: number;
  headers: Record<string, string>;
  body: Readable;
}

export interface GitHttpBackendOptions {
  hooks: HookServer;
  /** Made by ensureHooks(). */
  hooksDir: string;
}

const MAX_HEAD_BYTES = 16 * 1024;

export class GitHttpBackend {
  constructor(private readonly options: GitHttpBackendOptions) {}

  /** `signal` aborts when the client is gone. @throws Unavailable `git_unavailable` when git cannot be run or gives no answer. */
  async handle(request: GitHttpRequest, signal: AbortSignal): Promise<GitHttpResponse> {
    const refusal = refuse(request);
    if (refusal) {
      request.body.resume();
      return refusal;
    }
    return this.run(request, signal);
  }

  private async run(request: GitHttpRequest, signal: AbortSignal): Promise<GitHttpResponse> {
    const { hooks, hooksDir } = this.options;
    const token = hooks.issue({ context: request.context, repository: request.repositoryPath });
    const env = cgiEnvironment(request, { hooksDir, socketPath: hooks.socketPath, token });
    const child = spawn('git', ['http-backend'], { env, cwd: '/', stdio: 'pipe' });
    child.once('close', () => hooks.revoke(token));
    const complaints = collectTail(child.stderr);
    try {
      feed(child, request, signal);
      const response = await readResponse(child);
      endWith(signal, response.body);
      return response;
    } catch (cause) {
      child.kill();
      const details = new Error(`git http-backend: ${complaints()}`, { cause });
      throw new Unavailable('git_unavailable', 'git did not answer. Try again.', { cause: details });
    }
  }
}

function isPush({ pathInfo }: GitHttpRequest): boolean {
  return pathInfo === '/git-receive-pack';
}

/** Only the smart protocol: no file of the repository is ever sent as it is. */
function refuse(request: GitHttpRequest): GitHttpResponse | null {
  const { pathInfo, method, query, repositoryPath } = request;
  const service = new URLSearchParams(query).get('service') ?? '';
  const isRefs = pathInfo === '/info/refs';
  if (!isRefs && pathInfo !== '/git-upload-pack' && !isPush(request)) return text(404, 'Not found.');
  if (method !== (isRefs ? 'GET' : 'POST')) return text(405, 'Method not allowed.');
  if (isRefs && !['git-upload-pack', 'git-receive-pack'].includes(service))
    return text(403, 'Only the smart HTTP protocol is served: use git 1.6.6 or newer.');
  if (!existsSync(path.join(repositoryPath, 'HEAD'))) return text(404, 'Repository not found.');
  return null;
}

function text(status: number, message: string): GitHttpResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: Readable.from([`${message}\n`]) };
}

/** Starts sending the body and returns; what comes of it is seen in git's answer. */
async function feed(
  child: ChildProcessWithoutNullStreams,
  request: GitHttpRequest,
  signal: AbortSignal,
): Promise<void> {
  const gone = () => {
    request.body.destroy();
    // A complete push is not disturbed: its stdin has ended already. Fetches only read.
    if (!isPush(request)) child.kill();
  };
  signal.addEventListener('abort', gone, { once: true });
  child.once('close', () => signal.removeEventListener('abort', gone));
  if (signal.aborted) gone();
  // Git may answer (e.g. refuse a pack that is too big) and close before it has read everything: its answer says why.
  child.stdin.on('error', () => undefined);
  void pipeline(request.body, child.stdin).catch(() => child.stdin.destroy());
}

/** A client that is gone reads no more, also when nobody else says so to the body. */
function endWith(signal: AbortSignal, body: Readable): void {
  const destroy = () => {
    body.destroy();
  };
  if (signal.aborted) destroy();
  signal.addEventListener('abort', destroy, { once: true });
  body.once('close', () => signal.removeEventListener('abort', destroy));
}

/** Resolves when the header lines of the CGI answer are there; the rest streams. */
function readResponse(child: ChildProcessWithoutNullStreams): Promise<GitHttpResponse> {
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1 && head.length <= MAX_HEAD_BYTES) return;
      child.stdout.off('data', onData).pause();
      if (end === -1) return reject(new Error('no header lines'));
      resolve({ ...parseHead(head.subarray(0, end).toString('latin1')), body: rest(child, head.subarray(end + 4)) });
    };
    child.stdout.on('data', onData);
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`ended with ${code} before it answered`)));
  });
}

function parseHead(head: string): { status: number; headers: Record<string, string> } {
  const headers = Object.fromEntries(
    head.split('\r\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const { status, ...others } = headers;
  return { status: Number.parseInt(status ?? '200', 10), headers: others };
}

/**
 * The body, with backpressure to git. A reader that goes away must not break git's pipe in the middle of a push: from then on the rest is
 * read and dropped.
 */
function rest(child: ChildProcessWithoutNullStreams, first: Buffer): Readable {
  const body = new PassThrough();
  body.write(first);
  child.stdout.pipe(body);
  body.once('close', () => {
    child.stdout.unpipe(body);
    child.stdout.resume();
  });
  return body;
}

/** The last few lines that git wrote to stderr, for the log. */
function collectTail(stream: Readable): () => string {
  let tail = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    tail = (tail + chunk).slice(-2000);
  });
  return () => tail.trim();
}
