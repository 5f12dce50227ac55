/** {@link Tracing} with OpenTelemetry's SDK, sent as OTLP over HTTP. Loaded only when an endpoint is configured. */
import * as otel from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, RandomIdGenerator } from '@opentelemetry/sdk-trace-base';
import type { Logger } from './logger.js';
import type { Span, SpanFields, Tracing } from './span.js';
import { PRODUCT_VERSION } from './version.js';

const EXPORT_MS = 5_000;
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;

/** @param endpoint of the collector; `/v1/traces` is added unless it ends so. */
export function otlpTracing(endpoint: string, service: string, logger: Logger): Tracing {
  const url = endpoint.endsWith('/v1/traces') ? endpoint : `${endpoint.replace(/\/$/, '')}/v1/traces`;
  reportTo(logger);
  const ids = new RunIds();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.version': PRODUCT_VERSION }),
    idGenerator: ids,
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url, timeoutMillis: EXPORT_MS }))],
  });
  const tracer = provider.getTracer('containr', PRODUCT_VERSION);
  return {
    request: (name, traceparent, attributes) => {
      const options = { kind: otel.SpanKind.SERVER, attributes };
      return new OtelSpan(tracer, tracer.startSpan(name, options, contextOf(traceparent)));
    },
    run: (name, { id, attempt }, attributes) => {
      const options = { kind: otel.SpanKind.CONSUMER, attributes, root: true };
      return new OtelSpan(
        tracer,
        ids.as(id, attempt, () => tracer.startSpan(name, options, otel.ROOT_CONTEXT)),
      );
    },
    close: () => provider.shutdown().catch((error: unknown) => logger.warn({ err: error }, 'Traces were not sent')),
  };
}

class OtelSpan implements Span {
  constructor(
    private readonly tracer: otel.Tracer,
    private readonly span: otel.Span,
  ) {}

  get traceId(): string {
    return this.span.spanContext().traceId;
  }

  child(name: string, attributes: SpanFields = {}): Span {
    const parent = otel.trace.setSpan(otel.ROOT_CONTEXT, this.span);
    return new OtelSpan(this.tracer, this.tracer.startSpan(name, { attributes }, parent));
  }

  set(fields: SpanFields): void {
    this.span.setAttributes(fields);
  }

  causes(runId: string): void {
    const context = { traceId: traceIdOf(runId), spanId: firstSpanIdOf(runId), traceFlags: otel.TraceFlags.SAMPLED };
    this.span.setAttribute('containr.run_id', runId).addLink({ context });
  }

  fail(message: string): void {
    this.span.setStatus({ code: otel.SpanStatusCode.ERROR, message });
  }

  end(): void {
    this.span.end();
  }
}

/** A run's trace, and the span of its first execution, can be named by whoever knows the run's id, before it has begun. */
class RunIds extends RandomIdGenerator {
  private next: { traceId: string; spanId: string | null } | null = null;

  constructor() {
    super();
    const { generateTraceId, generateSpanId } = this;
    this.generateTraceId = () => this.next?.traceId ?? generateTraceId();
    this.generateSpanId = () => this.next?.spanId ?? generateSpanId();
  }

  as<T>(runId: string, attempt: number, start: () => T): T {
    this.next = { traceId: traceIdOf(runId), spanId: attempt === 1 ? firstSpanIdOf(runId) : null };
    try {
      return start();
    } finally {
      this.next = null;
    }
  }
}

const traceIdOf = (runId: string) => runId.replaceAll('-', '');
const firstSpanIdOf = (runId: string) => traceIdOf(runId).slice(16);

function contextOf(traceparent: string | undefined): otel.Context {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  if (!traceId || !spanId) return otel.ROOT_CONTEXT;
  const parent = { traceId, spanId, traceFlags: Number.parseInt(flags ?? '0', 16), isRemote: true };
  return otel.trace.setSpanContext(otel.ROOT_CONTEXT, parent);
}

/** The exporter reports here what it could not send. */
function reportTo(logger: Logger): void {
  const warn = (message: string, ...details: unknown[]) => logger.warn({ details }, message);
  const quiet = () => undefined;
  otel.diag.setLogger({ error: warn, warn, info: quiet, debug: quiet, verbose: quiet }, otel.DiagLogLevel.WARN);
}
