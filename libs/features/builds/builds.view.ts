/** Rows -> what leaves the process. */
import type { BuildView } from '#contracts/builds.js';
import type { Prisma } from '#platform/prisma/prisma.service.js';

export type BuildRow = Prisma.BuildGetPayload<object>;

/** Fields that are not known yet are left out, as the contract's types are not nullable. */
export function buildView(row: BuildRow, position: number | null = null): BuildView {
  return {
    id: row.id,
    project_id: row.projectId ?? undefined,
    service_id: row.serviceId ?? undefined,
    status: row.status as BuildView['status'],
    progress: progressOf(row),
    started_at: row.startedAt?.toISOString(),
    completed_at: row.completedAt?.toISOString(),
    image_name: row.imageName,
    image_tag: row.imageTag,
    size: row.sizeBytes === null ? undefined : Number(row.sizeBytes),
    error: row.error ?? undefined,
    metadata: metadataOf(row, position),
    created_at: row.createdAt.toISOString(),
  };
}

/** 100 only when it has succeeded: the last step known is not always the last. */
function progressOf({ status, stepsDone, stepsTotal }: BuildRow): number {
  if (status === 'success') return 100;
  return stepsTotal === 0 ? 0 : Math.min(99, Math.floor((100 * stepsDone) / stepsTotal));
}

function metadataOf(row: BuildRow, position: number | null): Record<string, string> {
  const known = {
    build_type: row.buildType,
    image_id: row.imageId,
    digest: row.digest,
    error_code: row.errorCode,
    deployment_id: row.deploymentId,
    queue_position: position,
    steps: row.stepsTotal > 0 ? `${row.stepsDone}/${row.stepsTotal}` : null,
  };
  const entries = Object.entries({ ...(row.metadata as Record<string, unknown>), ...known });
  return Object.fromEntries(entries.flatMap(([key, value]) => (value === null ? [] : [[key, String(value)]])));
}
