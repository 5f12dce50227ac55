/** Which points an answer has. Pure. */
import { MAX_POINTS, METRICS_HOURS, SAMPLE_SECONDS, type ServiceMetricsQuery } from '#contracts/metrics.js';
import { invalid } from '#platform/http/index.js';

export interface Range {
  from: Date;
  to: Date;
  /** Seconds, a multiple of the time between two samples. */
  step: number;
}

const HOUR_MS = 3_600_000;

/**
 * Begins on a multiple of the step, so that the same points come again at the next call, and ends with the point that holds `to`.
 * @throws Invalid `validation_failed` when it ends before it begins
 */
export function rangeOf(query: ServiceMetricsQuery, now: Date): Range {
  const to = new Date(Math.min(query.to ? Date.parse(query.to) : now.getTime(), now.getTime()));
  const oldest = now.getTime() - METRICS_HOURS * HOUR_MS;
  const from = new Date(Math.max(query.from ? Date.parse(query.from) : to.getTime() - HOUR_MS, oldest));
  if (from >= to) throw invalid([{ path: 'from', message: 'must be before to, and to within the last 24 hours' }]);
  const seconds = (to.getTime() - from.getTime()) / 1000;
  // One point less: a range that begins inside a step touches one more.
  const step = wholeSamples(Math.max(query.step ?? 0, seconds / (MAX_POINTS - 1)));
  return { from: new Date(Math.floor(from.getTime() / 1000 / step) * step * 1000), to, step };
}

function wholeSamples(seconds: number): number {
  return Math.max(1, Math.ceil(seconds / SAMPLE_SECONDS)) * SAMPLE_SECONDS;
}
