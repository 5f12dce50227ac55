/** The one-word summary of a service, from what is wanted and what its deployments say. */
import { Prisma, type Tx } from '#platform/prisma/prisma.service.js';

export type ServiceStatus = 'running' | 'stopped' | 'building' | 'failed';

/**
 * | wanted  | live release | newest deployment            | status   |
 * | running | yes          | any                          | running  |
 * | any     | otherwise    | pending, building, deploying | building |
 * | stopped | otherwise    | any                          | stopped  |
 * | running | no           | failed                       | failed   |
 * | running | no           | none, cancelled, superseded  | stopped  |
 */
export function serviceStatus(wanted: string, live: boolean, newest: string | null): ServiceStatus {
  if (wanted === 'running' && live) return 'running';
  if (newest === 'pending' || newest === 'building' || newest === 'deploying') return 'building';
  return wanted === 'running' && newest === 'failed' ? 'failed' : 'stopped';
}

/** Call in every transaction that changes one of the three inputs. */
export async function refreshServiceStatus(tx: Tx, serviceId: string): Promise<void> {
  const [row] = await tx.$queryRaw<{ desired_state: string; live: boolean; newest: string | null }[]>(Prisma.sql`
    SELECT s.desired_state, s.live_deployment_id IS NOT NULL AS live,
      (SELECT d.status FROM deployments d WHERE d.service_id = s.id ORDER BY d.created_at DESC, d.id DESC LIMIT 1) AS newest
    FROM services s WHERE s.id = ${serviceId}::uuid`);
  if (!row) return;
  await tx.service.update({
    where: { id: serviceId },
    data: { status: serviceStatus(row.desired_state, row.live, row.newest) },
  });
}
