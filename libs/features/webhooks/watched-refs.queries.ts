/**
 * What was last decided about the branch of a service. `version` counts decisions: who has read it, asked the repository where the branch is,
 * and finds it unchanged when he writes, has seen the newest state. Otherwise somebody else was faster, and he asks again.
 */
import { databaseTime, type Prisma, type Tx } from '#platform/prisma/prisma.service.js';
import type { HookedService } from './hooked-services.js';
import { repositoryKey } from './repository-key.js';

export type WatchedRow = Prisma.WatchedRefGetPayload<object>;

/** The row of each service; made when it is missing, begun anew when the service has another repository or branch. */
export async function watchedRefs(db: Tx, services: HookedService[]): Promise<Map<string, WatchedRow>> {
  const ids = services.map(({ id }) => id);
  const rows = new Map(
    (await db.watchedRef.findMany({ where: { serviceId: { in: ids } } })).map((row) => [row.serviceId, row]),
  );
  for (const service of services) {
    const row = rows.get(service.id);
    if (!row || !isAbout(row, service)) rows.set(service.id, await begin(db, service));
  }
  return rows;
}

function isAbout(row: WatchedRow, { url, branch }: HookedService): boolean {
  return row.repository === repositoryKey(url) && row.branch === branch;
}

async function begin(db: Tx, { id, url, branch }: HookedService): Promise<WatchedRow> {
  const about = { repository: repositoryKey(url), branch, commit: null, failures: 0, quiet: 0, error: null };
  const nextCheckAt = await databaseTime(db);
  return db.watchedRef.upsert({
    where: { serviceId: id },
    create: { serviceId: id, ...about, nextCheckAt },
    update: { ...about, nextCheckAt, version: { increment: 1 } },
  });
}

/** @returns false when somebody else has decided since the row was read. */
export async function decide(tx: Tx, row: WatchedRow, commit: string): Promise<boolean> {
  const { count } = await tx.watchedRef.updateMany({
    where: { serviceId: row.serviceId, version: row.version },
    data: { commit, version: { increment: 1 }, quiet: 0 },
  });
  return count === 1;
}
