/** Samples in PostgreSQL. `service_metrics` is partitioned by day; what is too old goes with its partition. */
import type { MetricsPoint } from '#contracts/metrics.js';
import type { Tx } from '#platform/prisma/prisma.service.js';
import type { Range } from './metrics.range.js';
import type { Sample } from './usage-deltas.js';

/** Two workers see the same interval: the first one's row stays. */
export async function storeSamples(db: Tx, at: Date, samples: Sample[]): Promise<void> {
  if (samples.length === 0) return;
  const data = samples.map(({ memoryBytes, networkInBytes, networkOutBytes, ...sample }) => ({
    ...sample,
    at,
    memoryBytes: whole(memoryBytes),
    networkInBytes: whole(networkInBytes),
    networkOutBytes: whole(networkOutBytes),
  }));
  await db.serviceMetric.createMany({ data, skipDuplicates: true });
}

function whole(value: number | null): bigint | null {
  return value === null ? null : BigInt(Math.round(value));
}

/** A sample at `at` is about the time before it, so it belongs to the point that contains the moment just before. */
export async function pointsOf(db: Tx, serviceId: string, { from, to, step }: Range): Promise<MetricsPoint[]> {
  const rows = await db.$queryRaw<PointRow[]>`
    WITH points AS (
      SELECT generate_series(${from}::timestamptz, ${to}::timestamptz - interval '1 millisecond', make_interval(secs => ${step})) AS at
    ), buckets AS (
      SELECT date_bin(make_interval(secs => ${step}), m.at - interval '1 millisecond', ${from}::timestamptz) AS at,
        avg(cpu_cores) AS cpu, max(memory_bytes)::float8 AS memory,
        sum(network_in_bytes)::float8 AS network_in, sum(network_out_bytes)::float8 AS network_out,
        sum(requests)::int AS requests, sum(errors)::int AS errors, max(p95_ms) AS p95
      FROM service_metrics m
      WHERE service_id = ${serviceId}::uuid AND m.at > ${from}::timestamptz AND m.at <= ${to}::timestamptz
      GROUP BY 1
    )
    SELECT points.at, cpu, memory, network_in, network_out, requests, errors, p95
    FROM points LEFT JOIN buckets USING (at) ORDER BY points.at`;
  return rows.map(pointOf);
}

/** The newest sample since then. */
export async function latestSample(db: Tx, serviceId: string, since: Date): Promise<MetricsPoint | null> {
  const [row] = await db.$queryRaw<PointRow[]>`
    SELECT at, cpu_cores AS cpu, memory_bytes::float8 AS memory, network_in_bytes::float8 AS network_in,
      network_out_bytes::float8 AS network_out, requests, errors, p95_ms AS p95
    FROM service_metrics WHERE service_id = ${serviceId}::uuid AND at >= ${since}::timestamptz ORDER BY at DESC LIMIT 1`;
  return row ? pointOf(row) : null;
}

interface PointRow {
  at: Date;
  cpu: number | null;
  memory: number | null;
  network_in: number | null;
  network_out: number | null;
  requests: number | null;
  errors: number | null;
  p95: number | null;
}

function pointOf(row: PointRow): MetricsPoint {
  return {
    at: row.at.toISOString(),
    cpu_cores: row.cpu,
    memory_bytes: row.memory,
    network_in_bytes: row.network_in,
    network_out_bytes: row.network_out,
    requests: row.requests,
    errors: row.errors,
    p95_ms: row.p95,
  };
}
