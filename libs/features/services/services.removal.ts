/** Deleting services: rows are marked in the caller's transaction, what runs is removed by one run per service afterwards. */
import { randomUUID } from 'node:crypto';
import { recordDeploymentEvents } from '#features/events/index.js';
import type { Tx } from '#platform/prisma/prisma.service.js';
import { cancelRuns, createRun } from '#workflows/runs.queries.js';

/** The workflow is registered by the releases feature. */
export const SERVICE_DELETE = 'service-delete';

/** Lock key of everything that changes what runs for a service. */
export function serviceLock(serviceId: string): string {
  return `service:${serviceId}`;
}

/** Lock key of a cron service's executions: they run beside deployments, one at a time. */
export function executionLock(serviceId: string): string {
  return `execution:${serviceId}`;
}

/** @returns ids of the runs to nudge after commit. */
export async function removeServices(tx: Tx, serviceIds: string[]): Promise<string[]> {
  const now = new Date();
  await tx.service.updateMany({
    where: { id: { in: serviceIds } },
    data: { deletedAt: now, desiredState: 'stopped', nextRunAt: null },
  });
  await tx.volume.updateMany({ where: { serviceId: { in: serviceIds }, deletedAt: null }, data: { deletedAt: now } });
  await tx.domain.updateMany({ where: { serviceId: { in: serviceIds }, deletedAt: null }, data: { deletedAt: now } });
  const runs: string[] = [];
  for (const serviceId of serviceIds) {
    const lockKey = serviceLock(serviceId);
    await endRuns(tx, lockKey, now);
    await endRuns(tx, executionLock(serviceId), now);
    const id = randomUUID();
    await createRun(tx, { id, workflow: SERVICE_DELETE, subjectId: serviceId, lockKey });
    runs.push(id);
  }
  return runs;
}

async function endRuns(tx: Tx, lockKey: string, now: Date): Promise<void> {
  const ended = await cancelRuns(tx, { lockKey });
  const gone = { where: { id: { in: ended } }, data: { status: 'cancelled', completedAt: now } };
  const deployments = await tx.deployment.updateManyAndReturn({ ...gone, select: { id: true } });
  await recordDeploymentEvents(
    tx,
    deployments.map(({ id }) => id),
    'cancelled',
  );
  await tx.execution.updateMany(gone);
  // A stuck run would keep the lock for ever; deleting the service is the decision it waited for.
  await tx.run.updateMany({ where: { lockKey, status: 'stuck' }, data: { status: 'failed' } });
}

/** All services of a project, for its deletion. */
export async function removeServicesOf(tx: Tx, projectId: string): Promise<string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM services WHERE project_id = ${projectId}::uuid AND deleted_at IS NULL ORDER BY id FOR UPDATE`;
  return removeServices(
    tx,
    rows.map((row) => row.id),
  );
}
