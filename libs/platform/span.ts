/** What the platform traces, without the library that sends it: see tracing.ts. */

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
