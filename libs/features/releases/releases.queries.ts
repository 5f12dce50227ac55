/** What should run, read from the database. */
import type { Tx } from '#platform/prisma/prisma.service.js';
import type { SecretBox } from '#platform/secrets.js';
import { openConfig, releaseNames } from './release-config.js';
import type { ReleaseRef } from './releases.js';

export interface LiveRelease extends ReleaseRef {
  service: { id: string; slug: string; type: string; desiredState: string };
  names: string[];
  port: number | null;
}

/** Bus topic: what runs for a service has changed. */
export function serviceTopic(serviceId: string): string {
  return `service:${serviceId}`;
}

/** The live deployment of a service as a release; null when nothing is live or the service is gone. */
export async function liveRelease(db: Tx, box: SecretBox, serviceId: string): Promise<LiveRelease | null> {
  const service = await db.service.findFirst({ where: { id: serviceId, deletedAt: null } });
  if (!service?.liveDeploymentId) return null;
  const row = await db.deployment.findUnique({ where: { id: service.liveDeploymentId } });
  if (!row?.imageId) return null;
  const config = openConfig(box, row);
  const names = config.type === 'cron' ? [] : releaseNames(config, row.id);
  const { id, slug, type, desiredState } = service;
  return {
    service: { id, slug, type, desiredState },
    deploymentId: row.id,
    commit: row.commitHash,
    image: row.imageId,
    config,
    names,
    port: row.port,
  };
}
