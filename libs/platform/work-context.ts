/**
 * What the work at hand is about (which run, which step), known to every log line written meanwhile without being passed along.
 * Used by the worker, and by the API only while it traces: an AsyncLocalStorage in use costs each request 10 to 20 % more CPU on Node 20,
 * one that nobody has entered costs nothing. So lines of the API are given their request_id where they are written.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Span } from './span.js';

export interface WorkContext {
  /** Fields of log lines. */
  fields: Record<string, unknown>;
  span?: Span | undefined;
}

const storage = new AsyncLocalStorage<WorkContext>();

/** Everything that `work` starts is inside, too. Fields of an outer context stay. */
export function within<T>({ fields, span }: WorkContext, work: () => T): T {
  const outer = storage.getStore();
  return storage.run({ fields: { ...outer?.fields, ...fields }, span: span ?? outer?.span }, work);
}

/** A copy: the log adds to it. */
export function contextFields(): Record<string, unknown> {
  return { ...storage.getStore()?.fields };
}

export function currentSpan(): Span | undefined {
  return storage.getStore()?.span;
}
