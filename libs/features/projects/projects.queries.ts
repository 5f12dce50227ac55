/**
 * Reads of projects. Raw SQL: reading a project is the hottest path of the API, and one statement that also counts the services is half
 * of Prisma's cost. Every statement carries the caller.
 */
import { COUNT_LIMIT } from '#contracts/common.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { Prisma, type Tx } from '#platform/prisma/prisma.service.js';

export interface ProjectRow {
  id: string;
  owner_id: string;
  name: string;
  description: string;
  created_at: Date;
  updated_at: Date;
  services_count: number;
}

/** Which projects the caller may see, for Prisma's `where`. The one place to change when projects get members. */
export function accessibleProject(caller: Caller) {
  return { ownerId: caller.userId, deletedAt: null } satisfies Prisma.ProjectWhereInput;
}

/** The same in SQL, for the alias `p`. */
function accessible(caller: Caller): Prisma.Sql {
  return Prisma.sql`p.owner_id = ${caller.userId}::uuid AND p.deleted_at IS NULL`;
}

const COLUMNS = Prisma.sql`p.id, p.owner_id, p.name, p.description, p.created_at, p.updated_at,
  (SELECT count(*)::int FROM services s WHERE s.project_id = p.id AND s.deleted_at IS NULL) AS services_count`;

/** @throws NotFound `project_not_found`, also for projects of others. */
export async function requireProject(tx: Tx, caller: Caller, id: string): Promise<ProjectRow> {
  const [row] = await tx.$queryRaw<
    ProjectRow[]
  >`SELECT ${COLUMNS} FROM projects p WHERE p.id = ${id}::uuid AND ${accessible(caller)}`;
  if (!row) throw notFound('project');
  return row;
}

/** Held until commit, so that nothing is added to a project while it is deleted. @throws NotFound `project_not_found`. */
export async function lockProject(tx: Tx, caller: Caller, id: string): Promise<void> {
  const rows = await tx.$queryRaw<
    unknown[]
  >`SELECT 1 FROM projects p WHERE p.id = ${id}::uuid AND ${accessible(caller)} FOR UPDATE`;
  if (rows.length === 0) throw notFound('project');
}

export interface PageOfRows {
  search?: string | undefined;
  limit: number;
  offset: number;
}

/** Newest first; the id makes the order total. */
export function listProjects(tx: Tx, caller: Caller, { search, limit, offset }: PageOfRows): Promise<ProjectRow[]> {
  return tx.$queryRaw<ProjectRow[]>`
    SELECT ${COLUMNS} FROM projects p WHERE ${accessible(caller)} AND ${matching(search)}
    ORDER BY p.created_at DESC, p.id DESC LIMIT ${limit} OFFSET ${offset}`;
}

/** Stops at COUNT_LIMIT. */
export async function countProjects(tx: Tx, caller: Caller, search: string | undefined): Promise<number> {
  const [row] = await tx.$queryRaw<[{ count: number }]>`
    SELECT count(*)::int AS count
    FROM (SELECT 1 FROM projects p WHERE ${accessible(caller)} AND ${matching(search)} LIMIT ${COUNT_LIMIT}) AS found`;
  return row.count;
}

function matching(search: string | undefined): Prisma.Sql {
  if (!search) return Prisma.sql`true`;
  const pattern = `%${search.replace(/[\\%_]/g, '\\$&')}%`;
  return Prisma.sql`(p.name ILIKE ${pattern} OR p.description ILIKE ${pattern})`;
}
