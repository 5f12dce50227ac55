/** Traces of requests and runs, when an endpoint is configured; otherwise there is no {@link Tracing} and nothing of it is loaded. */
import type { Config } from './config.js';
import type { Logger } from './logger.js';

/** Injection token of {@link Tracing} or null. */
export const TRACING = Symbol('TRACING');

export type SpanFields = Record<string, string | number | boolean>;

export interface Span {
  /** 32 hex digits. */
  readonly traceId: string;
  child(name: string, fields?: SpanFields): Span;
  set(fields: SpanFields): void;
  /** This caused that run. */
  causes(runId: string): void;
  /** @param reason why it did not succeed; public. */
  fail(reason: string): void;
  end(): void;
}

export interface Tracing {
  /** @param traceparent the client's header, https://www.w3.org/TR/trace-context/#traceparent-header */
  request(name: string, traceparent: string | undefined, fields: SpanFields): Span;
  /** One execution of a run. The trace has the run's id without its hyphens, so a successor after a crash goes on in the same trace. */
  run(name: string, run: { id: string; attempt: number }, fields: SpanFields): Span;
  /** Sends what is left, for a few seconds at most. */
  close(): Promise<void>;
}

/** @param name `api` or `worker`: the service is `containr-<name>`. */
export async function openTracing(
  config: Pick<Config, 'CONTAINR_OTEL_ENDPOINT'>,
  name: string,
  logger: Logger,
): Promise<Tracing | null> {
  if (!config.CONTAINR_OTEL_ENDPOINT) return null;
  const { otlpTracing } = await import('./tracing-otlp.js');
  return otlpTracing(config.CONTAINR_OTEL_ENDPOINT, `containr-${name}`, logger);
}
