/**
 * Writing the audit log. Each row carries the hash of the row before it in its tenant's chain, so that one that is changed or missing shows.
 * Locking the chain's newest link puts writers in line: record last in a transaction, so that the line is short.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Caller } from '#platform/http/index.js';
import { Prisma, type Tx } from '#platform/prisma/prisma.service.js';

export interface AuditEntry {
  /** Noun: `project`, `service`, `deployment`, `variables`, ... */
  resource: string;
  resourceId: string;
  /** Verb: `create`, `update`, `delete`, `deploy`, ... */
  action: string;
  /** Whose owner is the tenant; without it the caller is. */
  projectId?: string | null;
  /** What it was and what it is. Never a secret: names of variables, not values. */
  before?: unknown;
  after?: unknown;
}

/** What a row's hash is made of, in this order, after the hash of the row before it. */
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

/** In the transaction of the change itself: either both are there or neither. @param caller null = the platform itself */
export async function recordAudit(tx: Tx, caller: Caller | null, entry: AuditEntry): Promise<void> {
  const who = await whoAndWhere(tx, caller, entry);
  const link = await nextLink(tx, who.tenantId);
  const { projectId, resource, resourceId, action, before, after } = entry;
  const row: HashedFields = {
    ...who,
    seq: link.seq,
    id: randomUUID(),
    userId: caller?.userId ?? null,
    projectId: projectId ?? null,
    resource,
    resourceId,
    action,
    details: JSON.stringify({ before, after }),
    ipAddress: caller?.ip ?? null,
    userAgent: caller?.userAgent?.slice(0, 500) ?? null,
    createdAt: new Date(),
  };
  const hash = linkHash(link.hash, row);
  await tx.auditLog.create({ data: { ...row, hash } });
  await tx.auditChain.update({ where: { tenantId: row.tenantId }, data: { seq: row.seq, hash } });
}

async function whoAndWhere(tx: Tx, caller: Caller | null, { projectId, resourceId }: AuditEntry) {
  const [row] = await tx.$queryRaw<{ email: string | null; owner: string | null }[]>`
    SELECT (SELECT email FROM users WHERE id = ${caller?.userId ?? null}::uuid) AS email,
      (SELECT owner_id FROM projects WHERE id = ${projectId ?? null}::uuid) AS owner`;
  return { userEmail: row?.email ?? null, tenantId: row?.owner ?? caller?.userId ?? resourceId };
}

/** Makes the chain when there is none, locks its newest link until commit. */
async function nextLink(tx: Tx, tenantId: string): Promise<{ seq: bigint; hash: Uint8Array<ArrayBuffer> }> {
  const genesis = Prisma.sql`decode(repeat('00', 32), 'hex')`;
  const [link] = await tx.$queryRaw<{ seq: bigint; hash: Uint8Array<ArrayBuffer> }[]>`
    INSERT INTO audit_chains (tenant_id, seq, hash) VALUES (${tenantId}::uuid, 0, ${genesis})
    ON CONFLICT (tenant_id) DO UPDATE SET seq = audit_chains.seq RETURNING seq, hash`;
  return { seq: (link?.seq ?? 0n) + 1n, hash: link?.hash ?? new Uint8Array(32) };
}
