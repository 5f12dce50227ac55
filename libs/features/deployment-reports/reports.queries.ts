/** Which deployments the git provider must be told of. */
import type { EventConsumer } from '#features/events/index.js';
import type { Tx } from '#platform/prisma/prisma.service.js';
import type { ReportState } from './report-state.js';

/** A report that has not ended by then counts as lost with its worker. Seconds. */
const LEASE_SECONDS = 120;

/** A consumer of events: notes that there is something to tell. What is told is read then, so order and repetitions do not matter. */
export const noteReports: EventConsumer = async (tx, events) => {
  const ids = events.flatMap(({ type, data }) => (type.startsWith('deployment.') ? deploymentOf(data) : []));
  if (ids.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO deployment_reports (deployment_id, next_attempt_at)
    SELECT d.id, now() FROM deployments d JOIN services s ON s.id = d.service_id
    WHERE d.id = ANY(${ids}::uuid[]) AND s.source->>'provider_id' IS NOT NULL AND s.source->>'repository' IS NOT NULL
    ORDER BY d.id
    ON CONFLICT (deployment_id) DO UPDATE
    SET next_attempt_at = now(), attempts = 0, version = deployment_reports.version + 1`;
};

function deploymentOf({ deployment }: Record<string, unknown>): string[] {
  const { id } = (deployment ?? {}) as { id?: unknown };
  return typeof id === 'string' ? [id] : [];
}

export interface ClaimedReport {
  id: string;
  version: number;
  attempts: number;
  reported: string | null;
  externalId: string | null;
}

export function claimReports(db: Tx, limit: number): Promise<ClaimedReport[]> {
  return db.$queryRaw<ClaimedReport[]>`
    UPDATE deployment_reports SET next_attempt_at = now() + make_interval(secs => ${LEASE_SECONDS})
    WHERE deployment_id IN (
      SELECT deployment_id FROM deployment_reports WHERE next_attempt_at <= now()
      ORDER BY next_attempt_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    RETURNING deployment_id AS id, version, attempts, reported, external_id AS "externalId"`;
}

export interface ReportResult {
  /** Null: as before. */
  reported: string | null;
  error: { code: string; message: string } | null;
  attempts: number;
  /** Seconds; null: there is nothing more to tell. */
  again: number | null;
}

/** An event that came meanwhile is told of at once. */
export async function settleReport(db: Tx, { id, version }: ClaimedReport, result: ReportResult): Promise<void> {
  const { reported, error, attempts, again } = result;
  await db.$executeRaw`
    UPDATE deployment_reports SET
      reported = coalesce(${reported}, reported),
      reported_at = CASE WHEN ${reported}::text IS NULL THEN reported_at ELSE clock_timestamp() END,
      error = ${error?.message ?? null}, error_code = ${error?.code ?? null},
      attempts = CASE WHEN version = ${version} THEN ${attempts} ELSE 0 END,
      next_attempt_at = CASE WHEN version <> ${version} THEN clock_timestamp()
        WHEN ${again !== null} THEN clock_timestamp() + make_interval(secs => ${again ?? 0}::float) END
    WHERE deployment_id = ${id}::uuid`;
}

/** What a person sees of it. */
export async function reportOf(db: Tx, deploymentId: string) {
  const row = await db.deploymentReport.findUnique({ where: { deploymentId } });
  if (!row) return null;
  const { reported, reportedAt, error, errorCode } = row;
  return {
    state: reported as ReportState | null,
    reported_at: reportedAt?.toISOString() ?? null,
    error,
    error_code: errorCode,
  };
}
