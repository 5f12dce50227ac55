/** Events of deployments. Here and not with deployments, because deleting a service ends deployments too. */
import type { EventType } from '#contracts/events.js';
import type { Prisma, Tx } from '#platform/prisma/prisma.service.js';
import { recordEvents } from './events.record.js';

type What = 'created' | 'building' | 'running' | 'failed' | 'cancelled' | 'superseded';

const select = {
  id: true,
  status: true,
  trigger: true,
  branch: true,
  commitHash: true,
  commitMessage: true,
  imageName: true,
  imageTag: true,
  rollbackOf: true,
  error: true,
  errorCode: true,
  createdAt: true,
  startedAt: true,
  completedAt: true,
  service: { select: { id: true, name: true, type: true, projectId: true } },
} satisfies Prisma.DeploymentSelect;
type Row = Prisma.DeploymentGetPayload<{ select: typeof select }>;

/** Call after the change, in its transaction, with the deployments that it has really changed. */
export async function recordDeploymentEvents(tx: Tx, ids: string[], what: What): Promise<void> {
  if (ids.length === 0) return;
  const rows = await tx.deployment.findMany({ where: { id: { in: ids } }, select });
  const type: EventType = `deployment.${what}`;
  await recordEvents(
    tx,
    rows.map((row) => ({ projectId: row.service.projectId, type, data: dataOf(row) })),
  );
}

function dataOf({ service, ...row }: Row): Record<string, unknown> {
  const { id, name, type } = service;
  return {
    deployment: {
      id: row.id,
      service_id: id,
      status: row.status,
      trigger: row.trigger,
      branch: row.branch,
      commit_hash: row.commitHash,
      commit_message: row.commitMessage,
      image_name: row.imageName,
      image_tag: row.imageTag,
      rollback_of: row.rollbackOf,
      error: row.error,
      error_code: row.errorCode,
      created_at: row.createdAt,
      started_at: row.startedAt,
      completed_at: row.completedAt,
    },
    service: { id, name, type },
  };
}
