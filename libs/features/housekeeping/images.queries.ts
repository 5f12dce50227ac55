/** Which images are needed, from the rows; what a container uses is refused by the engine besides. */
import type { Tx } from '#platform/prisma/prisma.service.js';

const OPEN_RUN = ['queued', 'running', 'undoing', 'stuck'];

/**
 * Ids of images that run, that something open is about to run, or that the last `keep` releases of a service before the live one have.
 * Asked over all services: a pulled image may serve several.
 */
export async function neededImages(db: Tx, keep: number): Promise<Set<string>> {
  const rows = await db.$queryRaw<{ image: string }[]>`
    SELECT image_id AS image FROM deployments
    WHERE image_id IS NOT NULL AND (status IN ('pending', 'building', 'deploying', 'running')
      OR id IN (SELECT live_deployment_id FROM services WHERE deleted_at IS NULL)
      OR id IN (SELECT deployment_id FROM executions WHERE status IN ('pending', 'running'))
      OR id IN (SELECT subject_id FROM runs WHERE status = ANY(${OPEN_RUN})))
    UNION
    SELECT image FROM (
      SELECT d.image_id AS image, row_number() OVER (PARTITION BY d.service_id ORDER BY max(d.created_at) DESC) AS position
      FROM deployments d JOIN services s ON s.id = d.service_id
      WHERE d.image_id IS NOT NULL AND d.status = 'superseded' AND d.started_at IS NOT NULL AND s.deleted_at IS NULL
        AND d.image_id NOT IN (SELECT l.image_id FROM deployments l WHERE l.id = s.live_deployment_id AND l.image_id IS NOT NULL)
      GROUP BY d.service_id, d.image_id) earlier
    WHERE position <= ${keep}
    UNION
    SELECT i.image_id FROM images i JOIN services s ON i.content_key = 'pulled:' || (s.source->>'image') WHERE s.deleted_at IS NULL`;
  return new Set(rows.map(({ image }) => image));
}

/** Something is changing this service, or waits for a person. */
export async function isBusy(db: Tx, lockKey: string): Promise<boolean> {
  return (await db.run.count({ where: { lockKey, status: { in: OPEN_RUN } } })) > 0;
}
