/**
 * Deliveries: pending -> succeeded | failed. Raw SQL where many rows are made or claimed at once.
 * Who needs both locks an endpoint before its deliveries.
 */
import { EventDispatcher } from '#features/events/index.js';
import { Prisma, type Tx } from '#platform/prisma/prisma.service.js';
import { FAILING_AFTER } from './deliveries.plan.js';

type DispatchedEvents = Parameters<Parameters<EventDispatcher['subscribe']>[0]>[1];

/** An attempt that has not ended by then counts as lost with its worker. Longer than any attempt can take. Seconds. */
export const LEASE_SECONDS = 60;
/** Of one endpoint at once. */
const AT_ONCE = 8;

/** A consumer of events. A paused endpoint gets a row, so that what it misses can be seen and replayed; one that is switched off does not. */
export async function fanOut(tx: Tx, events: DispatchedEvents): Promise<void> {
  const ids = events.map(({ id }) => id);
  await tx.$executeRaw`
    INSERT INTO event_deliveries (id, event_id, endpoint_id, status, error, error_code, completed_at)
    SELECT gen_random_uuid(), v.id, e.id,
      CASE WHEN e.paused_at IS NULL THEN 'pending' ELSE 'failed' END,
      CASE WHEN e.paused_at IS NOT NULL THEN 'The webhook is paused.' END,
      CASE WHEN e.paused_at IS NOT NULL THEN 'endpoint_paused' END,
      CASE WHEN e.paused_at IS NOT NULL THEN clock_timestamp() END
    FROM events v
    JOIN webhook_endpoints e ON e.project_id = v.project_id AND e.enabled
    JOIN projects p ON p.id = v.project_id AND p.deleted_at IS NULL
    WHERE v.id = ANY(${ids}::uuid[]) AND e.created_at <= v.created_at
      AND e.events && ARRAY['*', v.type, split_part(v.type, '.', 1) || '.*']
    ON CONFLICT DO NOTHING`;
}

export interface Claim {
  id: string;
  attempt: number;
}

/**
 * Deliveries that are due, each claimed by one worker: of an endpoint that fails one to probe it, of one that waits, is paused or switched
 * off only what somebody asked for by hand.
 * @param busy endpoints whose last claims are still under way here
 */
export function claimDue(db: Tx, limit: number, busy: string[]): Promise<Claim[]> {
  return db.$queryRaw<Claim[]>`
    WITH due AS (
      SELECT d.id FROM webhook_endpoints e CROSS JOIN LATERAL (
        SELECT w.id FROM event_deliveries w
        -- false < true: an index can find "manual, or all when the endpoint may be sent to" in this form
        WHERE w.endpoint_id = e.id AND w.status = 'pending' AND w.next_attempt_at <= now()
          AND w.manual >= NOT (e.enabled AND e.paused_at IS NULL AND (e.retry_at IS NULL OR e.retry_at <= now()))
        ORDER BY w.manual DESC, w.next_attempt_at
        LIMIT CASE WHEN e.failures >= ${FAILING_AFTER} THEN 1 ELSE ${AT_ONCE} END
        FOR UPDATE SKIP LOCKED) d
      WHERE NOT e.id = ANY(${busy}::uuid[])
      LIMIT ${limit})
    UPDATE event_deliveries d
    SET attempt = d.attempt + 1, next_attempt_at = now() + make_interval(secs => ${LEASE_SECONDS})
    FROM due WHERE d.id = due.id RETURNING d.id, d.attempt`;
}

/** Not FOR UPDATE: new deliveries of the endpoint may be added meanwhile. @returns null when it is gone. */
export async function lockEndpoint(tx: Tx, id: string): Promise<{ failures: number; failingFor: number } | null> {
  const [row] = await tx.$queryRaw<{ failures: number; failingFor: number }[]>`
    SELECT failures, coalesce(extract(epoch FROM clock_timestamp() - failing_since), 0)::float AS "failingFor"
    FROM webhook_endpoints WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
  return row ?? null;
}

/** Gives up what waits, except what was asked for by hand. */
export async function endPending(tx: Tx, endpointId: string, code: string, message: string): Promise<void> {
  await tx.$executeRaw`
    UPDATE event_deliveries SET status = 'failed', error = ${message}, error_code = ${code}, completed_at = clock_timestamp()
    WHERE endpoint_id = ${endpointId}::uuid AND status = 'pending' AND NOT manual`;
}

export const seconds = (count: number): Prisma.Sql => Prisma.sql`make_interval(secs => ${count}::float)`;
