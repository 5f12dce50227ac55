/**
 * Reads of projects. Raw SQL: reading a project is the hottest path of the API, and one statement that also counts the services is half
 * of Prisma's cost. Every statement carries the caller.
 */
import { COUNT_LIMIT } from '#contracts/common.js';
import type { ProjectRole } from '#contracts/members.js';
import { type AppError, Forbidden } from '#platform/errors.js';
import { allows, type Caller, notFound, type Permission, rolesFor, scopeFor } from '#platform/http/index.js';
import { Prisma, type Tx } from '#platform/prisma/prisma.service.js';

export interface ProjectRow {
  id: string;
  owner_id: string;
  name: string;
  description: string;
  created_at: Date;
  updated_at: Date;
  /** The caller's. */
  role: ProjectRole;
  services_count: number;
}

/** Which projects the caller may use as the operation needs, deleted ones included, for Prisma's `where`. */
export function projectOf(caller: Caller) {
  const role = { in: rolesFor(caller.needs ?? 'owner') };
  const people = [{ ownerId: caller.userId }, { members: { some: { userId: caller.userId, role } } }];
  const binding = caller.projectId ? [{ id: caller.projectId }] : [];
  // All in AND: beside an `id` or `OR` of the query itself nothing of it can get lost.
  return { AND: [{ OR: people }, ...binding] } satisfies Prisma.ProjectWhereInput;
}

/** Which projects the caller may use as the operation needs, for Prisma's `where`. */
export function accessibleProject(caller: Caller) {
  return { ...projectOf(caller), deletedAt: null } satisfies Prisma.ProjectWhereInput;
}

/** The same in SQL, for the alias `p` of one project. Members are only looked up for somebody who is not the owner. */
function accessible(caller: Caller): Prisma.Sql {
  const { userId } = caller;
  return Prisma.sql`p.deleted_at IS NULL AND ${bound(caller)} AND (p.owner_id = ${userId}::uuid OR EXISTS (
    SELECT FROM project_members m WHERE m.project_id = p.id AND m.user_id = ${userId}::uuid AND ${sufficient(caller)}))`;
}

function sufficient(caller: Caller): Prisma.Sql {
  return Prisma.sql`m.role = ANY(${rolesFor(caller.needs ?? 'owner')}::text[])`;
}

function bound({ projectId }: Caller): Prisma.Sql {
  return projectId ? Prisma.sql`p.id = ${projectId}::uuid` : Prisma.sql`true`;
}

function columns({ userId }: Caller): Prisma.Sql {
  return Prisma.sql`p.id, p.owner_id, p.name, p.description, p.created_at, p.updated_at,
    CASE WHEN p.owner_id = ${userId}::uuid THEN 'owner'
      ELSE (SELECT m.role FROM project_members m WHERE m.project_id = p.id AND m.user_id = ${userId}::uuid) END AS role,
    (SELECT count(*)::int FROM services s WHERE s.project_id = p.id AND s.deleted_at IS NULL) AS services_count`;
}

/** @throws NotFound `project_not_found`, also for projects of others; Forbidden `role_too_low`. */
export async function requireProject(tx: Tx, caller: Caller, id: string): Promise<ProjectRow> {
  const row = await findProject(tx, caller, id);
  if (!row) throw await refusal(caller, 'project', (reader) => findProject(tx, reader, id));
  return row;
}

async function findProject(tx: Tx, caller: Caller, id: string): Promise<ProjectRow | undefined> {
  const [row] = await tx.$queryRaw<
    ProjectRow[]
  >`SELECT ${columns(caller)} FROM projects p WHERE p.id = ${id}::uuid AND ${accessible(caller)}`;
  return row;
}

/** Held until commit, so that nothing is added to a project while it is deleted. @throws as {@link requireProject}. */
export async function lockProject(tx: Tx, caller: Caller, id: string): Promise<void> {
  const rows = await tx.$queryRaw<
    unknown[]
  >`SELECT 1 FROM projects p WHERE p.id = ${id}::uuid AND ${accessible(caller)} FOR UPDATE`;
  if (rows.length === 0) throw await refusal(caller, 'project', (reader) => findProject(tx, reader, id));
}

/**
 * Why a query with the tenant filter found nothing: what the caller may not even read does not exist for him, for the rest his role is too
 * low. Only asked then, so that the usual case stays one statement.
 * @param find the same query as the caller who only reads
 */
export async function refusal(
  caller: Caller,
  noun: string,
  find: (reader: Caller) => Promise<unknown>,
): Promise<AppError> {
  const [needed] = rolesFor(caller.needs ?? 'owner');
  if (needed === 'viewer' || !(await find({ ...caller, needs: 'read' }))) return notFound(noun);
  return new Forbidden('role_too_low', `This needs the role ${needed} in the project: ask its owner or an admin.`, {
    details: { needed },
  });
}

/** Whether the caller may do more than the operation itself needs. */
export async function mayIn(tx: Tx, caller: Caller, projectId: string, needs: Permission): Promise<boolean> {
  if (caller.token && !allows(caller.token.scope, scopeFor(needs))) return false;
  return (
    (await tx.project.findFirst({ where: { AND: [{ id: projectId }, accessibleProject({ ...caller, needs })] } })) !==
    null
  );
}

export interface PageOfRows {
  search?: string | undefined;
  limit: number;
  offset: number;
}

/** Newest first; the id makes the order total. */
export function listProjects(tx: Tx, caller: Caller, { search, limit, offset }: PageOfRows): Promise<ProjectRow[]> {
  return tx.$queryRaw<ProjectRow[]>`
    SELECT ${columns(caller)} FROM projects p WHERE p.id IN (${newest(caller, search, limit + offset)})
    ORDER BY p.created_at DESC, p.id DESC LIMIT ${limit} OFFSET ${offset}`;
}

/** Stops at COUNT_LIMIT. */
export async function countProjects(tx: Tx, caller: Caller, search: string | undefined): Promise<number> {
  const [row] = await tx.$queryRaw<[{ count: number }]>`
    SELECT count(*)::int AS count FROM (${newest(caller, search, COUNT_LIMIT)} LIMIT ${COUNT_LIMIT}) AS found`;
  return row.count;
}

/**
 * Ids of the newest `limit` own projects and the newest `limit` of others. Two halves, because each has an index to go by; `owner OR member`
 * would read the whole table. ARRAY() makes PostgreSQL look up the few ids of memberships instead of hashing all projects.
 */
function newest(caller: Caller, search: string | undefined, limit: number): Prisma.Sql {
  const { userId } = caller;
  const rest = Prisma.sql`p.deleted_at IS NULL AND ${bound(caller)} AND ${matching(search)}
    ORDER BY p.created_at DESC, p.id DESC LIMIT ${limit}`;
  return Prisma.sql`(SELECT p.id FROM projects p WHERE p.owner_id = ${userId}::uuid AND ${rest}) UNION ALL
    (SELECT p.id FROM projects p WHERE p.owner_id <> ${userId}::uuid AND p.id = ANY(ARRAY(
      SELECT m.project_id FROM project_members m WHERE m.user_id = ${userId}::uuid AND ${sufficient(caller)})) AND ${rest})`;
}

function matching(search: string | undefined): Prisma.Sql {
  if (!search) return Prisma.sql`true`;
  const pattern = `%${search.replace(/[\\%_]/g, '\\$&')}%`;
  return Prisma.sql`(p.name ILIKE ${pattern} OR p.description ILIKE ${pattern})`;
}
