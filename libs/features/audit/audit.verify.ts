/** Walks a chain from its first entry: each must follow the one before it, and the last must be the newest that was recorded. */
import type { AuditVerification } from '#contracts/audit.js';
import { Unavailable } from '#platform/errors.js';
import type { Tx } from '#platform/prisma/prisma.service.js';
import { GENESIS, linkHash } from './audit.link.js';
import { type AuditRow, findBeyond, findHead, listLinks } from './audit.queries.js';
import { hashedFields } from './audit.view.js';

/** A batch is one short query and a few milliseconds of hashing; between two of them everybody else gets a turn. */
const BATCH = 500;

interface Position {
  seq: bigint;
  hash: Uint8Array;
}

/** @param signal ends the walk between two batches. */
export async function verifyChain(
  db: Tx,
  tenantId: string,
  signal: AbortSignal,
  batch = BATCH,
): Promise<AuditVerification> {
  const head = await findHead(db, tenantId);
  let at: Position = { seq: 0n, hash: GENESIS };
  while (head && at.seq < head.seq) {
    if (signal.aborted) throw new Unavailable('verification_ended', 'The verification was ended: start it again.');
    const rows = await listLinks(db, tenantId, at.seq, Math.min(batch, Number(head.seq - at.seq)));
    const walked = follow(at, rows);
    if (walked.reason) return broken(walked.at.seq, walked.reason);
    // Fewer than the chain says there are: the newest are gone.
    if (rows.length === 0) return broken(at.seq, 'missing');
    at = walked.at;
  }
  // The rows agree with each other, but the last is not the one that was recorded last.
  if (head && !Buffer.from(at.hash).equals(head.hash)) return broken(at.seq - 1n, 'changed');
  const beyond = await findBeyond(db, tenantId);
  if (beyond !== null) return { ...broken(at.seq, 'unexpected'), broken_at: Number(beyond) };
  return { valid: true, checked: Number(at.seq), ...(head ? { head: Buffer.from(head.hash).toString('hex') } : {}) };
}

/** As far as the rows hold. */
function follow(from: Position, rows: AuditRow[]): { at: Position; reason?: 'changed' | 'missing' } {
  let at = from;
  for (const row of rows) {
    if (row.seq !== at.seq + 1n) return { at, reason: 'missing' };
    if (!linkHash(at.hash, hashedFields(row)).equals(row.hash)) return { at, reason: 'changed' };
    at = { seq: row.seq, hash: row.hash };
  }
  return { at };
}

/** @param held the last entry that was all right. */
function broken(held: bigint, reason: 'changed' | 'missing' | 'unexpected'): AuditVerification {
  return { valid: false, checked: Number(held), broken_at: Number(held + 1n), reason };
}
