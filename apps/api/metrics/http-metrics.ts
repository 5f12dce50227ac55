/** Requests of this process by route pattern, method and class of status: never by id, so that the number of series stays small. */
import { Histogram, type Registry } from 'prom-client';

/** Seconds. */
const BUCKETS = [0.005, 0.025, 0.1, 0.5, 2.5, 10];

export class HttpMetrics {
  private readonly durations: Histogram<'method' | 'route' | 'status'>;

  constructor(registry: Registry) {
    this.durations = new Histogram({
      name: 'containr_http_request_duration_seconds',
      help: 'Requests answered by this process. Event streams and git transfers count until they end.',
      labelNames: ['method', 'route', 'status'],
      buckets: BUCKETS,
      registers: [registry],
    });
  }

  /** @param route the pattern, e.g. `/api/v1/services/:id`; undefined: no such address. */
  answered(method: string, route: string | undefined, status: number, seconds: number): void {
    this.durations.observe({ method, route: route ?? 'none', status: `${Math.floor(status / 100)}xx` }, seconds);
  }
}
