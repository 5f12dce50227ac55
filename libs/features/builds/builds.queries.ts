/** Reads of builds. Who may see one: the project's people; without a project only who started it. */
import { COUNT_LIMIT, type PageQuery } from '#contracts/common.js';
import { accessibleProject, refusal, requireProject } from '#features/projects/index.js';
import { requireService } from '#features/services/index.js';
import type { Caller } from '#platform/http/index.js';
import { Prisma, type Tx } from '#platform/prisma/prisma.service.js';
import type { BuildRow } from './builds.view.js';

/** @throws NotFound `build_not_found`, also for builds of others; Forbidden `role_too_low`. */
export async function requireBuild(tx: Tx, caller: Caller, id: string): Promise<BuildRow> {
  const row = await tx.build.findUnique({ where: { id } });
  if (row && (await maySee(tx, caller, row))) return row;
  throw await refusal(caller, 'build', async (reader) => row && maySee(tx, reader, row));
}

/** A token that is bound to a project sees nothing outside of it. */
async function maySee(tx: Tx, caller: Caller, { projectId, userId }: BuildRow): Promise<boolean> {
  if (projectId === null) return userId === caller.userId && !caller.projectId;
  return (await tx.project.count({ where: { id: projectId, ...accessibleProject(caller) } })) > 0;
}

export interface BuildFilter {
  projectId: string | undefined;
  serviceId: string | undefined;
  status: string | undefined;
}

export interface BuildPage extends Pick<PageQuery, 'limit'> {
  offset: number;
  after: { createdAt: Date; id: string } | null;
}

/** Each part of the list has an index of its own that is ordered as the list is. */
interface Part {
  keys: string[];
  where: Prisma.Sql;
}

/** @throws NotFound for a project or service that the caller may not see. */
async function partsOf(tx: Tx, caller: Caller, { projectId, serviceId }: BuildFilter): Promise<Part[]> {
  if (serviceId) {
    const service = await requireService(tx, caller, serviceId);
    const other = projectId && projectId !== service.projectId;
    return other ? [] : [{ keys: [serviceId], where: Prisma.sql`b.service_id = k.id` }];
  }
  if (projectId) {
    await requireProject(tx, caller, projectId);
    return [{ keys: [projectId], where: Prisma.sql`b.project_id = k.id` }];
  }
  const projects = await tx.project.findMany({ where: accessibleProject(caller), select: { id: true } });
  return [
    { keys: projects.map(({ id }) => id), where: Prisma.sql`b.project_id = k.id` },
    { keys: caller.projectId ? [] : [caller.userId], where: Prisma.sql`b.user_id = k.id AND b.project_id IS NULL` },
  ];
}

/** Newest first, and how many there are up to COUNT_LIMIT. */
export async function listBuilds(tx: Tx, caller: Caller, filter: BuildFilter, page: BuildPage) {
  const parts = await partsOf(tx, caller, filter);
  if (parts.length === 0) return { ids: [], total: 0 };
  const status = filter.status ? Prisma.sql`AND b.status = ${filter.status}` : Prisma.empty;
  const after = page.after
    ? Prisma.sql`AND (b.created_at, b.id) < (${page.after.createdAt}::timestamptz, ${page.after.id}::uuid)`
    : Prisma.empty;
  const newest = union(parts, Prisma.sql`${status} ${after}`, page.offset + page.limit);
  const counted = union(parts, status, COUNT_LIMIT);
  const [rows, [count]] = await Promise.all([
    tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM (${newest}) AS found ORDER BY created_at DESC, id DESC LIMIT ${page.limit} OFFSET ${page.offset}`,
    tx.$queryRaw<
      [{ count: number }]
    >`SELECT count(*)::int AS count FROM (SELECT 1 FROM (${counted}) AS found LIMIT ${COUNT_LIMIT}) AS capped`,
  ]);
  return { ids: rows.map(({ id }) => id), total: count.count };
}

function union(parts: Part[], and: Prisma.Sql, limit: number): Prisma.Sql {
  const selects = parts.map(
    ({ keys, where }) => Prisma.sql`
      (SELECT found.id, found.created_at FROM unnest(${keys}::uuid[]) AS k(id) CROSS JOIN LATERAL (
        SELECT b.id, b.created_at FROM builds b WHERE ${where} ${and} ORDER BY b.created_at DESC, b.id DESC LIMIT ${limit}) AS found)`,
  );
  return Prisma.join(selects, ' UNION ALL ');
}
