/** Services with the tenant filter built in. */
import { accessibleProject, refusal } from '#features/projects/index.js';
import type { Caller } from '#platform/http/index.js';
import { notFound } from '#platform/http/index.js';
import type { Tx } from '#platform/prisma/prisma.service.js';
import { type ServiceRow, serviceInclude } from './services.view.js';

/** @throws NotFound when it does not exist, is deleted, or belongs to somebody else; Forbidden `role_too_low`. */
export async function requireService(db: Tx, caller: Caller, id: string): Promise<ServiceRow> {
  const row = await findService(db, caller, id);
  if (!row) throw await refusal(caller, 'service', (reader) => findService(db, reader, id));
  return row;
}

function findService(db: Tx, caller: Caller, id: string): Promise<ServiceRow | null> {
  return db.service.findFirst({
    where: { id, deletedAt: null, project: accessibleProject(caller) },
    include: serviceInclude,
  });
}

/** Serialises what starts, stops and deletes one service. @throws NotFound when it has been deleted. */
export async function lockService(tx: Tx, id: string): Promise<void> {
  const rows = await tx.$queryRaw<
    unknown[]
  >`SELECT 1 FROM services WHERE id = ${id}::uuid AND deleted_at IS NULL FOR UPDATE`;
  if (rows.length === 0) throw notFound('service');
}
