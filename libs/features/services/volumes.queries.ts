/** Named volumes of services: attaching, detaching, tombstones. */
import { randomUUID } from 'node:crypto';
import type { VolumeMount } from '#contracts/services.js';
import type { Tx } from '#platform/prisma/prisma.service.js';

/** Name of a volume on its host: an id, never made of a path or a user's name. */
export function volumeName(id: string): string {
  return `containr-${id}`;
}

/**
 * Makes `wanted` the volumes of the service. What is missing is detached and keeps its data; a name used before by this service is
 * attached again with the data it had.
 */
export async function attachVolumes(
  tx: Tx,
  service: { id: string; projectId: string },
  wanted: VolumeMount[],
): Promise<void> {
  const known = await tx.volume.findMany({
    where: { serviceId: service.id, purgedAt: null },
    orderBy: { createdAt: 'desc' },
  });
  const names = new Set(wanted.map((mount) => mount.name));
  const leaving = known.filter((volume) => !volume.deletedAt && !names.has(volume.name)).map((volume) => volume.id);
  await tx.volume.updateMany({ where: { id: { in: leaving } }, data: { deletedAt: new Date() } });
  for (const { name, mount_path: mountPath } of wanted) {
    const existing =
      known.find((volume) => volume.name === name && !volume.deletedAt) ?? known.find((volume) => volume.name === name);
    if (existing) await tx.volume.update({ where: { id: existing.id }, data: { mountPath, deletedAt: null } });
    else
      await tx.volume.create({
        data: { id: randomUUID(), projectId: service.projectId, serviceId: service.id, name, mountPath },
      });
  }
}
