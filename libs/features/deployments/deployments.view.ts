/** Rows -> what leaves the process. */
import type { DeploymentView } from '#contracts/deployments.js';
import type { Prisma } from '#platform/prisma/prisma.service.js';

export type DeploymentRow = Prisma.DeploymentGetPayload<object>;
type StepRow = Prisma.RunStepGetPayload<object>;

/** Fields that are not known yet are left out, as the contract's types are not nullable. */
export function deploymentView(row: Omit<DeploymentRow, 'config'>): DeploymentView {
  return {
    id: row.id,
    service_id: row.serviceId,
    commit_hash: row.commitHash ?? undefined,
    commit_message: row.commitMessage,
    branch: row.branch,
    trigger: row.trigger,
    status: row.status as DeploymentView['status'],
    image_name: row.imageName ?? undefined,
    image_tag: row.imageTag ?? undefined,
    rollback_of: row.rollbackOf,
    error: row.error ?? undefined,
    error_code: row.errorCode,
    started_at: row.startedAt?.toISOString(),
    completed_at: row.completedAt?.toISOString(),
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

export function stepViews(steps: StepRow[]): NonNullable<DeploymentView['steps']> {
  return steps.map((step) => ({
    name: step.kind,
    status: step.status as 'pending',
    started_at: step.startedAt?.toISOString() ?? null,
    finished_at: step.finishedAt?.toISOString() ?? null,
    error: step.error,
  }));
}
