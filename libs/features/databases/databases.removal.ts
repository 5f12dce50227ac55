/** Deleting databases: rows are marked in the caller's transaction, what runs is removed by one run per database afterwards. */
import { randomUUID } from 'node:crypto';
import { databaseTime, Prisma, type Tx } from '#platform/prisma/prisma.service.js';
import { cancelRuns, createRun } from '#workflows/runs.queries.js';
import { databaseLock } from './databases.queries.js';
import { DATABASE_DELETE } from './databases.workflow.js';

/** @returns ids of the runs to nudge after commit. */
export async function removeDatabase(tx: Tx, id: string): Promise<string[]> {
  const now = await databaseTime(tx);
  const { volumeId } = await tx.database.update({
    where: { id },
    data: { deletedAt: now, desiredState: 'stopped', publicAccess: Prisma.DbNull, publicPort: null },
  });
  await tx.databaseVolume.updateMany({ where: { id: volumeId }, data: { detachedAt: now } });
  await dropLinks(tx, { databaseId: id });
  const lockKey = databaseLock(id);
  await cancelRuns(tx, { lockKey });
  // A stuck run would keep the lock for ever; deleting the database is the decision it waited for.
  await tx.run.updateMany({ where: { lockKey, status: 'stuck' }, data: { status: 'failed' } });
  const run = randomUUID();
  await createRun(tx, { id: run, workflow: DATABASE_DELETE, subjectId: id, lockKey });
  return [run];
}

/** All databases of a project, for its deletion. */
export async function removeDatabasesOf(tx: Tx, projectId: string): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM databases WHERE project_id = ${projectId}::uuid AND deleted_at IS NULL ORDER BY id FOR UPDATE`;
  const runs: string[] = [];
  for (const { id } of rows) runs.push(...(await removeDatabase(tx, id)));
  return runs;
}

/** The links and the variables that came with them. */
export async function dropLinks(tx: Tx, where: { databaseId: string; serviceId?: string }): Promise<number> {
  const links = await tx.databaseLink.findMany({ where });
  for (const { serviceId, variable } of links) await tx.variable.deleteMany({ where: { serviceId, key: variable } });
  await tx.databaseLink.deleteMany({ where: { id: { in: links.map(({ id }) => id) } } });
  return links.length;
}
