/** Traces of requests and runs, when an endpoint is configured; otherwise there is no {@link Tracing} and nothing of it is loaded. */
import type { Config } from './config.js';
import type { Logger } from './logger.js';
import type { Tracing } from './span.js';

export { type Span, type SpanFields, TRACING, type Tracing } from './span.js';

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
