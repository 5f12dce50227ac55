/** What a service used and how it answered. */
import { z } from 'zod';

/** Longest history that is kept. Hours. */
export const METRICS_HOURS = 24;
/** Seconds between two samples. */
export const SAMPLE_SECONDS = 15;
export const MAX_POINTS = 500;

const time = (description: string) => z.iso.datetime({ offset: true }).optional().describe(description);

export const serviceMetricsQuery = z.object({
  from: time('Begin, RFC 3339. Default: an hour before `to`. Older than 24 hours there is nothing.'),
  to: time('End, RFC 3339. Default: now.'),
  step: z.coerce
    .number()
    .int()
    .min(SAMPLE_SECONDS)
    .max(METRICS_HOURS * 3600)
    .optional()
    .describe(
      'Seconds per point. Default: the shortest that gives at most 500 points; made longer when it gives more.',
    ),
});
export type ServiceMetricsQuery = z.output<typeof serviceMetricsQuery>;

const figure = (description: string) => z.number().nullable().describe(description);

export const metricsPoint = z
  .object({
    at: z.iso.datetime().describe('Begin of the interval; of `latest`: its end.'),
    cpu_cores: figure('Cores in use over all replicas, on average.'),
    memory_bytes: figure('Memory of all replicas, highest sample.'),
    network_in_bytes: figure('Received by the containers in the interval, of whomever.'),
    network_out_bytes: figure('Sent by the containers in the interval.'),
    requests: figure('Requests that ended in the interval, as the ingress saw them.'),
    errors: figure('Those answered with 5xx.'),
    p95_ms: figure('Within this time 95 % of the requests were answered: of the slowest 15 seconds of the interval.'),
  })
  .meta({ id: 'MetricsPoint' });
export type MetricsPoint = z.output<typeof metricsPoint>;

export const serviceMetrics = z
  .object({
    service_id: z.uuid(),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    step: z.int().describe('Seconds per point.'),
    points: z.array(metricsPoint).describe('Without gaps, oldest first; null is what nobody measured.'),
    latest: metricsPoint
      .nullable()
      .describe('The newest sample of 15 seconds; null when there is none of the last minute.'),
  })
  .meta({ id: 'ServiceMetrics' });
export type ServiceMetrics = z.output<typeof serviceMetrics>;
