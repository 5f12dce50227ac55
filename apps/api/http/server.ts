/** The Fastify instance under Nest: limits, request ids and headers. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '#platform/config.js';
import { closeUnusedConnections, eventStreams } from '#platform/http/index.js';
import { BODY_LIMIT_BYTES, registerBodyParsers } from './body-parsers.js';
import { headersFor } from './headers.js';
import { answerTo } from './problem.filter.js';
import type { RouteTable } from './route-table.js';

/** Time to send a whole request; generous, because a git push is one. */
const REQUEST_TIMEOUT_MS = 30 * 60_000;
/** Longer than the idle timeout of usual reverse proxies (60 s), so that they close first and never meet a closing connection. */
const KEEP_ALIVE_MS = 75_000;

export function createAdapter(config: Pick<Config, 'CONTAINR_TRUST_PROXY'>, routes: RouteTable): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    trustProxy: config.CONTAINR_TRUST_PROXY,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    genReqId: requestIds(),
    // Nest middleware is not used; without it every request is spared a hook.
    skipMiddie: true,
    multipart: false,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => sendProblem(error, request, reply),
    clientErrorHandler: refuseMalformed,
  });
  const instance = adapter.getInstance() as unknown as FastifyInstance;
  routes.watch(instance);
  registerBodyParsers(instance);
  eventStreams(instance);
  closeUnusedConnections(instance);
  instance.addHook('onRequest', (request, reply, done) => {
    reply.headers(headersFor(request.url)).header('x-request-id', request.id);
    done();
  });
  return adapter;
}

/** Unique across processes and restarts, and cheap: a random part per process and a counter. */
function requestIds(): () => string {
  const prefix = randomBytes(6).toString('hex');
  let count = 0;
  return () => `${prefix}-${(count++).toString(36)}`;
}

/** What the router refuses before any hook runs, e.g. `/%zz`. */
function sendProblem(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const { status, body } = answerTo(error, request.id);
  reply.status(status).headers(headersFor(request.url)).header('x-request-id', request.id).send(body);
}

/** Bytes that are not HTTP. There is no request yet, so the answer is written by hand. */
function refuseMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return void socket.destroy();
  const [status, code] = MALFORMED[error.code ?? ''] ?? ['400 Bad Request', 'invalid_request'];
  const body = JSON.stringify({ error: 'The request is not valid HTTP.', code, details: {} });
  const head = [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

const MALFORMED: Record<string, [status: string, code: string]> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'headers_too_large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'request_timeout'],
};
