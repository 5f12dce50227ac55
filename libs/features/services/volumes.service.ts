/** The list of named volumes, tombstones included, and deleting detached ones for good. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { volumeView } from '#contracts/services.js';
import { recordAudit } from '#features/audit/index.js';
import { projectOf, refusal } from '#features/projects/index.js';
import { Conflict } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { RunQueue } from '#workflows/run-queue.js';
import { createRun } from '#workflows/runs.queries.js';

/** The workflow is registered by the releases feature. */
export const VOLUME_PURGE = 'volume-purge';

@Injectable()
export class VolumesService {
  constructor(
    private readonly db: PrismaService,
    private readonly queue: RunQueue,
  ) {}

  async list(caller: Caller): Promise<z.output<typeof volumeView>[]> {
    // Not accessibleProject(): tombstones of deleted projects are the point of this list.
    const rows = await this.db.volume.findMany({
      where: { purgedAt: null, project: projectOf(caller) },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    });
    return rows.map((row) => ({
      id: row.id,
      project_id: row.projectId,
      service_id: row.serviceId,
      name: row.name,
      mount_path: row.mountPath,
      status: row.deletedAt ? 'detached' : 'attached',
      created_at: row.createdAt.toISOString(),
      detached_at: row.deletedAt?.toISOString() ?? null,
    }));
  }

  /** @throws Conflict `volume_attached`; Forbidden `role_too_low`. */
  async purge(caller: Caller, id: string): Promise<void> {
    const runId = randomUUID();
    await this.db.$transaction(async (tx) => {
      const find = (reader: Caller) =>
        tx.volume.findFirst({ where: { id, purgedAt: null, project: projectOf(reader) } });
      const volume = await find(caller);
      if (!volume) throw await refusal(caller, 'volume', find);
      if (!volume.deletedAt)
        throw new Conflict('volume_attached', 'The volume is in use: remove it from its service first.');
      await tx.volume.update({ where: { id }, data: { purgedAt: new Date() } });
      await createRun(tx, { id: runId, workflow: VOLUME_PURGE, subjectId: id, lockKey: `volume:${id}` });
      const { projectId, serviceId, name } = volume;
      const before = { service_id: serviceId, name };
      await recordAudit(tx, caller, { resource: 'volume', resourceId: id, action: 'delete', projectId, before });
    });
    this.queue.nudge(runId);
  }
}
