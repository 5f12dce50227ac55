/** Real git over real HTTP for tests: `git http-backend` behind a small server that can also misbehave. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';

export interface GitServerOptions {
  /** Folder of bare repositories, served as `/<name>`. */
  root: string;
  /** Basic auth that is required for everything. */
  auth?: { username: string; password: string };
  /** Every request is answered by a redirect to the same path under this URL. */
  redirectTo?: string;
  /** Speaks protocol v0, in which only advertised commits can be asked for. */
  refuseSha?: boolean;
  /** Awaited before each answer: a test can look at what is going on meanwhile. */
  before?: (request: IncomingMessage) => Promise<void>;
  /** Accepts requests and never answers. */
  hang?: boolean;
  /** Only the files of the repository, as a plain web server gives them; run `git update-server-info` first. */
  dumb?: boolean;
}

export interface GitServer {
  /** e.g. `http://127.0.0.1:40123` */
  url: string;
  /** Changes how it behaves from the next request on. */
  options: GitServerOptions;
  /** Method and path of each request so far. */
  requests: string[];
  close(): Promise<void>;
}

export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const ready = self.options.before?.(request) ?? Promise.resolve();
    ready.then(
      () => answer(self.options, request, response),
      () => response.destroy(),
    );
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  const self: GitServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    options,
    requests,
    close,
  };
  return self;
}

function answer(options: GitServerOptions, request: IncomingMessage, response: ServerResponse): void {
  if (options.hang) return;
  if (options.redirectTo) {
    response.writeHead(301, { location: `${options.redirectTo}${request.url}` }).end();
  } else if (options.auth && request.headers.authorization !== basic(options.auth)) {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('login first');
  } else if (options.dumb) {
    serveFile(options.root, request, response);
  } else {
    const url = new URL(request.url ?? '/', 'http://x');
    const user = options.auth?.username;
    void runBackend({ ...options, user, path: url.pathname, query: url.search.slice(1) }, request, response);
  }
}

const basic = (auth: { username: string; password: string }): string =>
  `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;

function serveFile(root: string, request: IncomingMessage, response: ServerResponse): void {
  const path = new URL(request.url ?? '/', 'http://x').pathname;
  readFile(join(root, path)).then(
    (content) => response.writeHead(200, { 'content-type': 'text/plain' }).end(content),
    () => response.writeHead(404).end(),
  );
}

export interface BackendCall {
  root: string;
  /** Below `root`, e.g. `/name.git/info/refs`. */
  path: string;
  query: string;
  /** Who has logged in; only they may push. */
  user?: string;
  refuseSha?: boolean;
}

/** CGI (RFC 3875) as git-http-backend(1) wants it. @returns when git has ended */
export function runBackend(call: BackendCall, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const protocol = request.headers['git-protocol'];
  const env = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    GIT_PROJECT_ROOT: call.root,
    GIT_HTTP_EXPORT_ALL: '1',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    REQUEST_METHOD: request.method ?? 'GET',
    PATH_INFO: call.path,
    QUERY_STRING: call.query,
    CONTENT_TYPE: request.headers['content-type'] ?? '',
    HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
    REMOTE_USER: call.user ?? '',
    ...(typeof protocol === 'string' && !call.refuseSha ? { GIT_PROTOCOL: protocol } : {}),
  };
  const backend = spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  backend.stdin.on('error', () => undefined); // It may answer before it has read everything.
  request.pipe(backend.stdin);
  response.on('close', () => backend.kill());
  relay(backend.stdout, response);
  return new Promise((resolve) => backend.once('close', () => resolve()));
}

function relay(output: NodeJS.ReadableStream, response: ServerResponse): void {
  let head = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    output.off('data', onData);
    const lines = head.toString('latin1', 0, end).split('\r\n');
    const headers = lines.map((line) => line.split(/:\s*/, 2) as [string, string]);
    const status = Number.parseInt(headers.find(([name]) => name === 'Status')?.[1] ?? '200', 10);
    response.writeHead(status, Object.fromEntries(headers.filter(([name]) => name !== 'Status')));
    response.write(head.subarray(end + 4));
    output.pipe(response);
  };
  output.on('data', onData);
  output.on('end', () => response.headersSent || response.writeHead(500).end());
}
