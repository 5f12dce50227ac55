/**
 * What a POST with an Idempotency-Key was answered. A claim is a row that one request holds until `locked_until`; that time is also its
 * fencing token: after a takeover the older request can neither commit (see {@link confirmIdempotency}) nor store an answer.
 *
 * response_status: null = being answered, 0 = carried out but not yet answered, else the stored answer.
 */
import { Conflict } from '../errors.js';
import type { Tx } from '../prisma/prisma.service.js';

/** Longer than a request takes; a killed process keeps its keys for so long. */
export const CLAIM_SECONDS = 60;
/** How long an answer is kept. */
export const KEPT_HOURS = 24;

export interface IdempotencyClaim {
  key: string;
  /** As PostgreSQL writes it: a Date would lose its time zone on the way back. */
  lockedUntil: string;
}

/** Row that another request has written, or is about to. */
export interface StoredAnswer {
  request_hash: string;
  response_status: number | null;
  response_body: string | null;
  /** Seconds until it may be taken over. */
  left: number;
}

/** @returns the claim, or what stands in its way; null when that has just gone: try again. */
export async function claimKey(db: Tx, userId: string, key: string, hash: string) {
  const [claimed] = await db.$queryRaw<{ locked_until: string }[]>`
    INSERT INTO idempotency_keys AS k (user_id, key, request_hash, locked_until)
    VALUES (${userId}::uuid, ${key}, ${hash}, clock_timestamp() + make_interval(secs => ${CLAIM_SECONDS}))
    ON CONFLICT (user_id, key) DO UPDATE SET request_hash = excluded.request_hash, locked_until = excluded.locked_until,
      response_status = NULL, response_body = NULL, created_at = clock_timestamp()
    WHERE (k.response_status IS NULL AND k.locked_until < clock_timestamp())
      OR k.created_at < clock_timestamp() - make_interval(hours => ${KEPT_HOURS}::int)
    RETURNING locked_until::text`;
  if (claimed) return { claim: { key, lockedUntil: claimed.locked_until } satisfies IdempotencyClaim };
  const [stored] = await db.$queryRaw<StoredAnswer[]>`
    SELECT request_hash, response_status, response_body,
      extract(epoch FROM locked_until - clock_timestamp())::float8 AS left
    FROM idempotency_keys WHERE user_id = ${userId}::uuid AND key = ${key}`;
  return stored ? { stored } : null;
}

/**
 * In the transaction of the change: from its commit on the key says that the request was carried out, so that a process killed before the
 * answer is stored does not lead to doing it twice.
 * @throws Conflict `idempotency_in_progress` when another request has taken the key over: this one must not commit.
 */
export async function confirmIdempotency(
  tx: Tx,
  userId: string,
  claim: IdempotencyClaim,
  done: { resource: string; resourceId: string },
): Promise<void> {
  const what = JSON.stringify({ resource: done.resource, resource_id: done.resourceId });
  const held = await tx.$executeRaw`
    UPDATE idempotency_keys SET response_status = 0, response_body = ${what}
    WHERE user_id = ${userId}::uuid AND key = ${claim.key} AND locked_until = ${claim.lockedUntil}::timestamptz`;
  if (held === 0) throw inProgress(1);
}

/** @param sealed the answer, encrypted: answers may hold tokens. */
export async function keepAnswer(db: Tx, userId: string, claim: IdempotencyClaim, status: number, sealed: string) {
  await db.$executeRaw`
    UPDATE idempotency_keys SET response_status = ${status}, response_body = ${sealed}
    WHERE user_id = ${userId}::uuid AND key = ${claim.key} AND locked_until = ${claim.lockedUntil}::timestamptz`;
}

/** Nothing was carried out: the key is free again. */
export async function freeKey(db: Tx, userId: string, claim: IdempotencyClaim): Promise<void> {
  await db.$executeRaw`
    DELETE FROM idempotency_keys WHERE user_id = ${userId}::uuid AND key = ${claim.key}
      AND locked_until = ${claim.lockedUntil}::timestamptz AND response_status IS NULL`;
}

export function inProgress(seconds: number): Conflict {
  const wait = Math.max(1, Math.ceil(seconds));
  return new Conflict(
    'idempotency_in_progress',
    `The first request with this Idempotency-Key is still being answered. Try again in ${wait} seconds.`,
    { details: { retry_after_seconds: wait } },
  );
}
