/** Databases with the tenant filter built in. */
import { accessibleProject, projectOf, refusal } from '#features/projects/index.js';
import { Conflict } from '#platform/errors.js';
import { type Caller, notFound } from '#platform/http/index.js';
import type { Prisma, Tx } from '#platform/prisma/prisma.service.js';

/** Links of deleted services are none. */
export const databaseInclude = {
  links: { where: { service: { deletedAt: null } }, orderBy: { createdAt: 'asc' } },
} satisfies Prisma.DatabaseInclude;
export type DatabaseRow = Prisma.DatabaseGetPayload<{ include: typeof databaseInclude }>;

/** Lock key of everything that changes what runs for a database. */
export function databaseLock(id: string): string {
  return `database:${id}`;
}

/** @throws NotFound when it does not exist, is deleted, or belongs to somebody else; Forbidden `role_too_low`. */
export async function requireDatabase(db: Tx, caller: Caller, id: string): Promise<DatabaseRow> {
  const find = (reader: Caller) =>
    db.database.findFirst({
      where: { id, deletedAt: null, project: accessibleProject(reader) },
      include: databaseInclude,
    });
  const row = await find(caller);
  if (!row) throw await refusal(caller, 'database', find);
  return row;
}

/** One whose data is still there. Its project may be gone, too. @throws as {@link requireDatabase}; Conflict `database_not_deleted` */
export async function requireDeletedDatabase(db: Tx, caller: Caller, id: string): Promise<DatabaseRow> {
  const find = (reader: Caller) =>
    db.database.findFirst({
      where: { id, purgedAt: null, project: projectOf(reader) },
      include: databaseInclude,
    });
  const row = await find(caller);
  if (!row) throw await refusal(caller, 'database', find);
  if (!row.deletedAt) throw new Conflict('database_not_deleted', 'The database is not deleted.');
  return row;
}

/** Serialises what changes one database. @throws NotFound when it has been deleted. */
export async function lockDatabase(tx: Tx, id: string): Promise<void> {
  const rows = await tx.$queryRaw<
    unknown[]
  >`SELECT 1 FROM databases WHERE id = ${id}::uuid AND deleted_at IS NULL FOR UPDATE`;
  if (rows.length === 0) throw notFound('database');
}

export function listDatabases(
  db: Tx,
  caller: Caller,
  { projectId, deleted }: { projectId: string | undefined; deleted: boolean },
): Promise<DatabaseRow[]> {
  const project = deleted ? projectOf(caller) : accessibleProject(caller);
  return db.database.findMany({
    where: {
      AND: [{ project }, projectId ? { projectId } : {}],
      deletedAt: deleted ? { not: null } : null,
      ...(deleted ? { purgedAt: null } : {}),
    },
    include: databaseInclude,
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
  });
}

/** Days that the data of a deleted database, and of before a restore, is kept. */
export const KEPT_DAYS = 7;

/**
 * Volumes that were left longer ago than data is kept, of one database or of all. Never the one that a database which is not deleted runs
 * on, whatever its row says: it may have been brought back while somebody else asked for the end of its data.
 */
export function dueVolumes(tx: Tx, databaseId: string | null = null): Promise<{ id: string; databaseId: string }[]> {
  return tx.$queryRaw`
    SELECT v.id, v.database_id AS "databaseId" FROM database_volumes v JOIN databases d ON d.id = v.database_id
    WHERE v.purged_at IS NULL AND v.detached_at < clock_timestamp() - make_interval(days => ${KEPT_DAYS})
      AND (${databaseId}::uuid IS NULL OR v.database_id = ${databaseId}::uuid)
      AND (v.id <> d.volume_id OR d.deleted_at IS NOT NULL)
    ORDER BY v.created_at`;
}
