/** Every failure leaves through here, as the contract's `Error {error, code, details}`. Only this file knows HTTP's view of errors. */
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from '#contracts/common.js';
import { AppError } from '#platform/errors.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { isDatabaseDown } from '#platform/prisma/prisma.service.js';
import { RouteTable } from './route-table.js';

export interface Answer {
  status: number;
  body: Problem;
  headers?: Record<string, string>;
}

/** Seconds after which a client should try again when PostgreSQL is away. */
const DATABASE_RETRY_SECONDS = 5;

/** What Fastify itself refuses, by its error code. https://fastify.dev/docs/latest/Reference/Errors/ */
const FASTIFY: Record<string, [status: number, code: string, message: string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'payload_too_large', 'The body is too large.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'unsupported_media_type', 'Send the body as application/json.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    400,
    'invalid_request',
    'The body is shorter or longer than Content-Length says.',
  ],
  FST_ERR_BAD_URL: [400, 'invalid_url', 'The URL is not valid.'],
  FST_ERR_MAX_PARAM_LENGTH: [404, 'route_not_found', 'There is nothing at this address.'],
};

@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly routes: RouteTable,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const answer = this.unrouted(error, request) ?? answerTo(error, request.id);
    if (answer.status >= 500) this.report(error, request, answer);
    if (reply.sent || reply.raw.headersSent) return void reply.raw.destroy();
    // A route's serializer is for its success; problems are plain JSON.
    reply
      .status(answer.status)
      .headers(answer.headers ?? {})
      .type('application/json; charset=utf-8')
      .serializer(JSON.stringify)
      .send(answer.body);
  }

  private unrouted(error: unknown, request: FastifyRequest): Answer | null {
    if (!request.is404 || !(error instanceof HttpException) || error.getStatus() !== 404) return null;
    const path = request.url.split('?', 1)[0] ?? '/';
    const allowed = this.routes.methodsAt(path);
    if (allowed.length === 0) return problemOf(404, 'route_not_found', 'There is nothing at this address; see /docs.');
    const allow = allowed.join(', ');
    return {
      ...problemOf(405, 'method_not_allowed', `This address answers ${allow}.`, { allowed }),
      headers: { allow },
    };
  }

  private report(error: unknown, request: FastifyRequest, answer: Answer): void {
    const route = request.routeOptions?.url ?? request.url.split('?', 1)[0];
    const fields = {
      err: error,
      cause: causeOf(error),
      request_id: request.id,
      method: request.method,
      route,
      code: answer.body.code,
    };
    if (answer.status === 503) this.logger.warn(fields, 'Request answered 503');
    else this.logger.error(fields, 'Request failed');
  }
}

/** @param requestId goes into `details` of answers whose cause only the log knows. */
export function answerTo(error: unknown, requestId: string): Answer {
  if (error instanceof AppError) return ofAppError(error, requestId);
  if (error instanceof HttpException) return ofHttpException(error, requestId);
  const fastify = FASTIFY[(error as { code?: string } | null)?.code ?? ''];
  if (fastify) return problemOf(...fastify);
  if (isDatabaseDown(error)) return databaseUnavailable();
  const message = 'An unexpected error happened. Give the operator the request id: the log has the cause.';
  return problemOf(500, 'internal', message, { request_id: requestId });
}

function ofAppError(error: AppError, requestId: string): Answer {
  const details = error.status >= 500 ? { ...error.details, request_id: requestId } : error.details;
  const answer = problemOf(error.status, error.code, error.message, details);
  const { retry_after_seconds: seconds } = error.details;
  return typeof seconds === 'number' ? { ...answer, headers: { 'retry-after': String(Math.ceil(seconds)) } } : answer;
}

/** Only Nest and its adapter throw these: Fastify's refusals, wrapped, and routes that do not exist. */
function ofHttpException(error: HttpException, requestId: string): Answer {
  const fastify = FASTIFY[(error.cause as { code?: string } | undefined)?.code ?? ''];
  if (fastify) return problemOf(...fastify);
  const status = error.getStatus();
  if (status === 404) return problemOf(404, 'route_not_found', 'There is nothing at this address; see /docs.');
  if (status >= 500) return problemOf(status, 'internal', 'An unexpected error happened.', { request_id: requestId });
  return problemOf(status, 'invalid_request', error.message);
}

function databaseUnavailable(): Answer {
  const message = `The database does not answer. Try again in ${DATABASE_RETRY_SECONDS} seconds.`;
  const headers = { 'retry-after': String(DATABASE_RETRY_SECONDS) };
  return { ...problemOf(503, 'database_unavailable', message), headers };
}

function problemOf(status: number, code: string, error: string, details: Record<string, unknown> = {}): Answer {
  return { status, body: { error, code, details } };
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
