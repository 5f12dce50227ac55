/** The backup that a database gets before it is deleted. Its step is one of the backups feature, which knows databases and not the other way. */
import { randomUUID } from 'node:crypto';
import { engineOf } from '#drivers/engines/index.js';
import { databaseTime, type Tx } from '#platform/prisma/prisma.service.js';
import { type Plan, step } from '#workflows/plan.js';

/** Nothing for one that does not run: its volume is kept all the same. A backup that fails does not keep the deletion. */
export async function planFinalBackup(tx: Tx, databaseId: string): Promise<Plan> {
  const row = await tx.database.findUniqueOrThrow({ where: { id: databaseId }, include: { schedule: true } });
  const { projectId, type: engine, version, schedule, status } = row;
  // What the command holds does not matter here, only that there is one.
  if (status !== 'running' || !engineOf(engine).dump({ root: '', password: '' })) return [];
  const id = randomUUID();
  const made = { id, databaseId, projectId, engine, version, trigger: 'final', targetId: schedule?.targetId ?? null };
  await tx.backup.create({ data: { ...made, createdAt: await databaseTime(tx) } });
  return [step('backup.final', { backup: id })];
}
