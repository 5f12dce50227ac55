/** A span for each request of users, when traces are wanted; otherwise no hook and no cost. */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Span, TRACING, type Tracing } from '#platform/tracing.js';
import { within } from '#platform/work-context.js';

export function registerTracing(app: NestFastifyApplication): void {
  const tracing = app.get<Tracing | null>(TRACING);
  if (!tracing) return;
  const instance = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const spans = new WeakMap<FastifyRequest, Span>();
  instance.addHook('onRequest', (request, _reply, done) => {
    const span = spanOf(tracing, request);
    if (!span) return done();
    spans.set(request, span);
    within({ fields: { request_id: request.id, trace_id: span.traceId }, span }, done);
  });
  instance.addHook('onResponse', (request, reply, done) => {
    const span = spans.get(request);
    span?.set({ 'http.response.status_code': reply.statusCode });
    if (reply.statusCode >= 500) span?.fail(`answered ${reply.statusCode}`);
    span?.end();
    done();
  });
}

/** Null for probes, scrapes and pages. Names and fields: https://opentelemetry.io/docs/specs/semconv/http/http-spans/ */
function spanOf(tracing: Tracing, request: FastifyRequest): Span | null {
  const route = request.routeOptions.url;
  if (!route || !/^\/(api|git)\//.test(route)) return null;
  const { traceparent } = request.headers;
  const fields = { 'http.request.method': request.method, 'http.route': route, 'containr.request_id': request.id };
  return tracing.request(
    `${request.method} ${route}`,
    typeof traceparent === 'string' ? traceparent : undefined,
    fields,
  );
}
