/**
 * Writing the audit log. Each row carries the hash of the row before it in its tenant's chain, so that one that is changed or missing shows.
 *
 * Locking the newest link of a chain puts its writers in line: record last in a transaction, so that the line is short and nobody who
 * stands in it waits for anything else. What a user does in somebody else's project goes to both chains, the owner's and, without the
 * project, his own: then one chain is everything that its user may always see. Both are locked in one statement, in the order of their
 * ids, so that two users who work in each other's projects cannot wait for each other.
 */
import { randomUUID } from 'node:crypto';
import { type Caller, confirmIdempotency, type Origin } from '#platform/http/index.js';
import { Prisma, type Tx } from '#platform/prisma/prisma.service.js';
import { detailsOf } from './audit.details.js';
import { type HashedFields, linkHash } from './audit.link.js';

export interface AuditEntry {
  /** Noun: `project`, `service`, `deployment`, `variables`, ... */
  resource: string;
  resourceId: string;
  /** Verb: `create`, `update`, `delete`, `deploy`, ... */
  action: string;
  /** Whose owner is the tenant; without it the caller is. */
  projectId?: string | null;
  /** What it was and what it is. Never a secret: names of variables, not values. Of two objects only what differs is kept. */
  before?: unknown;
  after?: unknown;
}

/** Who did it. Without a user: somebody who showed a secret of the thing itself; null: the platform by itself. */
export type AuditActor = Caller | Origin | null;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const USER_AGENT_LENGTH = 500;

interface Link {
  tenant_id: string;
  seq: bigint;
  hash: Uint8Array;
  owner: string | null;
  email: string | null;
}

/**
 * In the transaction of the change itself: either both are there or neither. @param actor null = the platform itself
 * @throws Conflict `idempotency_in_progress` when the request's Idempotency-Key was taken over meanwhile.
 */
export async function recordAudit(tx: Tx, actor: AuditActor, entry: AuditEntry): Promise<void> {
  const caller = actor && 'userId' in actor ? actor : null;
  if (caller?.idempotency) await confirmIdempotency(tx, caller.userId, caller.idempotency, entry);
  const links = await lockLinks(tx, caller, entry);
  const rows = links.map((link) => {
    const row = rowOf(link, caller?.userId ?? null, actor, entry);
    return { ...row, hash: linkHash(link.hash, row) };
  });
  const values = rows.map(
    (
      row,
    ) => Prisma.sql`(${row.tenantId}::uuid, ${row.seq}::bigint, ${row.id}::uuid, ${row.userId}::uuid, ${row.userEmail},
      ${row.projectId}::uuid, ${row.resource}, ${row.resourceId}, ${row.action}, ${row.details}, ${row.ipAddress},
      ${row.userAgent}, ${row.createdAt.toISOString()}::timestamptz, ${row.hash})`,
  );
  await tx.$executeRaw`
    WITH link AS (
      INSERT INTO audit_logs (tenant_id, seq, id, user_id, user_email, project_id, resource, resource_id, action, details,
        ip_address, user_agent, created_at, hash)
      VALUES ${Prisma.join(values)} RETURNING tenant_id, seq, hash)
    UPDATE audit_chains SET seq = link.seq, hash = link.hash FROM link WHERE audit_chains.tenant_id = link.tenant_id`;
}

/** Makes chains that are not there yet, locks their newest links until commit. */
function lockLinks(tx: Tx, caller: Caller | null, entry: AuditEntry): Promise<Link[]> {
  const user = Prisma.sql`${caller?.userId ?? null}::uuid`;
  const owner = Prisma.sql`(SELECT owner_id FROM projects WHERE id = ${entry.projectId ?? null}::uuid)`;
  const subject = Prisma.sql`${UUID.test(entry.resourceId) ? entry.resourceId : null}::uuid`;
  return tx.$queryRaw<Link[]>`
    INSERT INTO audit_chains (tenant_id, seq, hash)
    SELECT tenant, 0, decode(repeat('00', 32), 'hex')
    FROM (SELECT coalesce(${owner}, ${user}, ${subject}) AS tenant UNION SELECT ${user} WHERE ${user} IS NOT NULL) AS tenants
    ORDER BY tenant
    ON CONFLICT (tenant_id) DO UPDATE SET seq = audit_chains.seq
    RETURNING tenant_id, seq, hash, ${owner} AS owner, (SELECT email FROM users WHERE id = ${user}) AS email`;
}

function rowOf(link: Link, userId: string | null, actor: AuditActor, entry: AuditEntry): HashedFields {
  const { resource, action, before, after } = entry;
  const projectId = entry.projectId?.toLowerCase() ?? null;
  const elsewhere = link.owner !== null && link.owner !== link.tenant_id;
  return {
    tenantId: link.tenant_id,
    seq: link.seq + 1n,
    id: randomUUID(),
    userId: userId?.toLowerCase() ?? null,
    userEmail: link.email,
    projectId: elsewhere ? null : projectId,
    resource,
    resourceId: idText(entry.resourceId),
    action,
    details: detailsOf(before, after, elsewhere ? { project_id: projectId } : {}),
    ipAddress: actor?.ip ?? null,
    userAgent: actor?.userAgent?.slice(0, USER_AGENT_LENGTH) ?? null,
    createdAt: new Date(),
  };
}

/** A path may hold an id in capitals; it is the same id. */
export function idText(id: string): string {
  return UUID.test(id) ? id.toLowerCase() : id;
}
