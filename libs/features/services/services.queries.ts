/** Services with the tenant filter built in. */
import { accessibleProject } from '#features/projects/index.js';
import type { Caller } from '#platform/http/index.js';
import { notFound } from '#platform/http/index.js';
import type { Tx } from '#platform/prisma/prisma.service.js';
import { type ServiceRow, serviceInclude } from './services.view.js';

/** @throws NotFound when it does not exist, is deleted, or belongs to somebody else. */
export async function requireService(db: Tx, caller: Caller, id: string): Promise<ServiceRow> {
  const row = await db.service.findFirst({
    where: { id, deletedAt: null, project: accessibleProject(caller) },
    include: serviceInclude,
  });
  if (!row) throw notFound('service');
  return row;
}

/** Serialises what starts, stops and deletes one service. @throws NotFound when it has been deleted. */
export async function lockService(tx: Tx, id: string): Promise<void> {
  const rows = await tx.$queryRaw<
    unknown[]
  >`SELECT 1 FROM services WHERE id = ${id}::uuid AND deleted_at IS NULL FOR UPDATE`;
  if (rows.length === 0) throw notFound('service');
}
