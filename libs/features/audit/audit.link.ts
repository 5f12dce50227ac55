/** One link of a hash chain. Pure. */
import { createHash } from 'node:crypto';

/** What a row's hash is made of, in this order, after the hash of the row before it. Ids as PostgreSQL gives them: lower case. */
export interface HashedFields {
  tenantId: string;
  seq: bigint;
  id: string;
  userId: string | null;
  userEmail: string | null;
  projectId: string | null;
  resource: string;
  resourceId: string;
  action: string;
  details: string;
  ipAddress: string | null;
  userAgent: string | null;
  createdAt: Date;
}

/** The hash before the first row of a chain. */
export const GENESIS = Buffer.alloc(32);

/** sha256 over the previous hash and the row as a JSON array: no two different rows have the same text. */
export function linkHash(previous: Uint8Array, row: HashedFields): Buffer<ArrayBuffer> {
  const fields = [
    row.tenantId,
    String(row.seq),
    row.id,
    row.userId,
    row.userEmail,
    row.projectId,
    row.resource,
    row.resourceId,
    row.action,
    row.details,
    row.ipAddress,
    row.userAgent,
    row.createdAt.toISOString(),
  ];
  return Buffer.from(createHash('sha256').update(previous).update(JSON.stringify(fields)).digest());
}
