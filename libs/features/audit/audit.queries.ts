/**
 * Reads of the audit log. Each combination of filters has an index that ends with `seq`, so that a page is read from where it starts.
 * Times are read as milliseconds: they are part of the hash and must not depend on the session's time zone.
 */
import { COUNT_LIMIT } from '#contracts/common.js';
import { Prisma, type Tx } from '#platform/prisma/prisma.service.js';

export interface AuditRow {
  tenant_id: string;
  seq: bigint;
  id: string;
  user_id: string | null;
  user_email: string | null;
  project_id: string | null;
  resource: string;
  resource_id: string;
  action: string;
  details: string;
  ip_address: string | null;
  user_agent: string | null;
  created_ms: number;
  hash: Uint8Array;
}

/** Which entries: those of one tenant, narrowed by whatever is given. */
export interface Wanted {
  tenantId: string;
  projectId?: string | undefined;
  userId?: string | undefined;
  resource?: string | undefined;
  resourceId?: string | undefined;
  action?: string | undefined;
}

const COLUMNS = Prisma.sql`tenant_id, seq, id, user_id, user_email, project_id, resource, resource_id, action, details,
  ip_address, user_agent, (extract(epoch FROM created_at) * 1000)::float8 AS created_ms, hash`;

function matching(wanted: Wanted): Prisma.Sql {
  const { tenantId, projectId, userId, resource, resourceId, action } = wanted;
  const conditions = [
    Prisma.sql`tenant_id = ${tenantId}::uuid`,
    ...(projectId ? [Prisma.sql`project_id = ${projectId}::uuid`] : []),
    ...(userId ? [Prisma.sql`user_id = ${userId}::uuid`] : []),
    ...(resource ? [Prisma.sql`resource = ${resource}`] : []),
    ...(resourceId ? [Prisma.sql`resource_id = ${resourceId}`] : []),
    ...(action ? [Prisma.sql`action = ${action}`] : []),
  ];
  return Prisma.join(conditions, ' AND ');
}

/** Newest first. @param below only entries with a smaller `seq` */
export function pageSql(wanted: Wanted, below: bigint | null, limit: number): Prisma.Sql {
  const start = below === null ? Prisma.empty : Prisma.sql`AND seq < ${below}::bigint`;
  return Prisma.sql`SELECT ${COLUMNS} FROM audit_logs WHERE ${matching(wanted)} ${start} ORDER BY seq DESC LIMIT ${limit}`;
}

/** How many there are, up to COUNT_LIMIT, and the `seq` of the one at `offset`: one walk over the index for both. */
export function placeSql(wanted: Wanted, offset: number): Prisma.Sql {
  return Prisma.sql`
    SELECT count(*)::int AS total, max(seq) FILTER (WHERE place = ${offset + 1}::int) AS first
    FROM (SELECT seq, row_number() OVER (ORDER BY seq DESC) AS place FROM audit_logs WHERE ${matching(wanted)}
      ORDER BY seq DESC LIMIT ${COUNT_LIMIT}) AS found`;
}

export function listPage(db: Tx, wanted: Wanted, below: bigint | null, limit: number): Promise<AuditRow[]> {
  return db.$queryRaw<AuditRow[]>(pageSql(wanted, below, limit));
}

export async function findPlace(db: Tx, wanted: Wanted, offset: number) {
  const [row] = await db.$queryRaw<[{ total: number; first: bigint | null }]>(placeSql(wanted, offset));
  return row;
}

/** The newest link of a chain, null while nothing has been recorded. */
export function findHead(db: Tx, tenantId: string): Promise<{ seq: bigint; hash: Uint8Array } | null> {
  return db.auditChain.findUnique({ where: { tenantId }, select: { seq: true, hash: true } });
}

/** The next entries of a chain, oldest first. */
export function listLinks(db: Tx, tenantId: string, after: bigint, limit: number): Promise<AuditRow[]> {
  return db.$queryRaw<AuditRow[]>`SELECT ${COLUMNS} FROM audit_logs
    WHERE tenant_id = ${tenantId}::uuid AND seq > ${after}::bigint ORDER BY seq LIMIT ${limit}`;
}

/** The first entry after the newest that the chain knows of, in one snapshot: nothing writes one without the other. */
export async function findBeyond(db: Tx, tenantId: string): Promise<bigint | null> {
  const [row] = await db.$queryRaw<{ seq: bigint }[]>`
    SELECT seq FROM audit_logs WHERE tenant_id = ${tenantId}::uuid
      AND seq > coalesce((SELECT seq FROM audit_chains WHERE tenant_id = ${tenantId}::uuid), 0) ORDER BY seq LIMIT 1`;
  return row?.seq ?? null;
}

/** The owner of a project whose whole log the caller may read: his own, or one that he administers. Deleted ones too. */
export async function findAuditedOwner(db: Tx, userId: string, projectId: string): Promise<string | null> {
  const [row] = await db.$queryRaw<{ owner_id: string }[]>`
    SELECT p.owner_id FROM projects p WHERE p.id = ${projectId}::uuid AND (p.owner_id = ${userId}::uuid OR EXISTS (
      SELECT 1 FROM project_members m WHERE m.project_id = p.id AND m.user_id = ${userId}::uuid AND m.role = 'admin'))`;
  return row?.owner_id ?? null;
}

/** The project that a resource was recorded in, null when it was in none. */
export async function findProjectOf(db: Tx, resource: string, resourceId: string): Promise<string | null> {
  const [row] = await db.$queryRaw<{ project_id: string }[]>`
    SELECT project_id FROM audit_logs WHERE resource = ${resource} AND resource_id = ${resourceId} AND project_id IS NOT NULL
    ORDER BY seq DESC LIMIT 1`;
  return row?.project_id ?? null;
}

export async function isMember(db: Tx, userId: string, projectId: string): Promise<boolean> {
  return (await db.projectMember.count({ where: { projectId, userId } })) > 0;
}
