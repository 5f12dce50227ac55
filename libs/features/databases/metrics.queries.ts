/** Samples of databases in PostgreSQL, both tables partitioned by day: 15 seconds for 24 hours, 5 minutes for 30 days. */
import type { DatabaseMetricsPoint, DatabaseView } from '#contracts/databases.js';
import { Prisma, type Tx } from '#platform/prisma/prisma.service.js';

export interface DatabaseSample {
  databaseId: string;
  cpuCores: number | null;
  memoryBytes: number | null;
  storageBytes: number | null;
  connections: number | null;
  readIops: number | null;
  writeIops: number | null;
  networkInBytes: number | null;
  networkOutBytes: number | null;
}

const LATEST_SECONDS = 90;
export const ROLLUP_SECONDS = 300;

/** Two workers see the same interval: the first one's row stays. */
export async function storeSamples(db: Tx, at: Date, samples: DatabaseSample[]): Promise<void> {
  if (samples.length === 0) return;
  const data = samples.map((sample) => ({
    ...sample,
    at,
    memoryBytes: whole(sample.memoryBytes),
    storageBytes: whole(sample.storageBytes),
    networkInBytes: whole(sample.networkInBytes),
    networkOutBytes: whole(sample.networkOutBytes),
  }));
  await db.databaseMetric.createMany({ data, skipDuplicates: true });
}

function whole(value: number | null): bigint | null {
  return value === null ? null : BigInt(Math.round(value));
}

/** The 5 minutes that end at `end`. Done again it changes nothing. */
export async function rollUp(db: Tx, end: Date): Promise<void> {
  await db.$executeRaw`
    INSERT INTO database_metric_rollups (database_id, at, cpu_cores, memory_bytes, storage_bytes, connections, read_iops, write_iops,
      network_in_bytes, network_out_bytes)
    SELECT database_id, ${end}::timestamptz, avg(cpu_cores), max(memory_bytes), max(storage_bytes), max(connections), avg(read_iops),
      avg(write_iops), sum(network_in_bytes), sum(network_out_bytes)
    FROM database_metrics
    WHERE at > ${end}::timestamptz - make_interval(secs => ${ROLLUP_SECONDS}) AND at <= ${end}::timestamptz
    GROUP BY database_id
    ON CONFLICT DO NOTHING`;
}

interface PointRow {
  database_id: string;
  at: Date;
  cpu: number | null;
  memory: number | null;
  storage: number | null;
  connections: number | null;
  read_iops: number | null;
  write_iops: number | null;
  network_in: number | null;
  network_out: number | null;
}

const COLUMNS = Prisma.sql`database_id, at, cpu_cores AS cpu, memory_bytes::float8 AS memory, storage_bytes::float8 AS storage, connections,
  read_iops, write_iops, network_in_bytes::float8 AS network_in, network_out_bytes::float8 AS network_out`;

export async function pointsOf(
  db: Tx,
  id: string,
  range: { from: Date; to: Date; rolledUp: boolean },
): Promise<DatabaseMetricsPoint[]> {
  const table = range.rolledUp ? Prisma.sql`database_metric_rollups` : Prisma.sql`database_metrics`;
  const rows = await db.$queryRaw<PointRow[]>`
    SELECT ${COLUMNS} FROM ${table}
    WHERE database_id = ${id}::uuid AND at > ${range.from}::timestamptz AND at <= ${range.to}::timestamptz ORDER BY at`;
  return rows.map((row) => ({ at: row.at.toISOString(), ...figuresOf(row) }));
}

/** Of each database the newest sample of the last minute and a half, without what nobody measured. */
export async function latestMetrics(db: Tx, ids: string[]): Promise<Map<string, DatabaseView['metrics']>> {
  if (ids.length === 0) return new Map();
  const rows = await db.$queryRaw<PointRow[]>`
    SELECT DISTINCT ON (database_id) ${COLUMNS} FROM database_metrics
    WHERE database_id = ANY(${ids}::uuid[]) AND at > clock_timestamp() - make_interval(secs => ${LATEST_SECONDS})
    ORDER BY database_id, at DESC`;
  return new Map(rows.map((row) => [row.database_id, known(figuresOf(row))]));
}

function figuresOf(row: PointRow): Omit<DatabaseMetricsPoint, 'at'> {
  const rounded = (value: number | null) => (value === null ? null : Math.round(value));
  return {
    cpu: row.cpu,
    memory: row.memory,
    storage: row.storage,
    connections: row.connections,
    read_iops: rounded(row.read_iops),
    write_iops: rounded(row.write_iops),
    network_in: row.network_in,
    network_out: row.network_out,
  };
}

function known(figures: Omit<DatabaseMetricsPoint, 'at'>): DatabaseView['metrics'] {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== null));
}
