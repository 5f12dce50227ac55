/** What a new deployment is made from, and what its start does to others. */
import { type AuditEntry, namesOf } from '#features/audit/index.js';
import { recordDeploymentEvents } from '#features/events/index.js';
import type { ReleaseConfig } from '#features/releases/index.js';
import { databaseTime, type Tx } from '#platform/prisma/prisma.service.js';
import { cancelRuns } from '#workflows/runs.queries.js';
import type { DeploymentRow } from './deployments.view.js';
import { DEPLOYMENT } from './deployments.workflow.js';

export type Trigger = 'manual' | 'push' | 'restart' | 'start' | 'rollback' | 'webhook';

/** What a new deployment is made from. */
export interface NewDeployment {
  trigger: Trigger;
  config: ReleaseConfig;
  branch?: string | null;
  commit?: string | null;
  /** Set when the image is known: nothing is built. */
  from?: DeploymentRow;
  rollbackOf?: string;
  /** Variables for this deployment only. */
  overrides?: Record<string, string> | undefined;
  /** First line of the commit's message, when it is known before the commit is fetched. */
  subject?: string | null;
  /** Also gives up what is being built from the same branch. */
  cancelBuilds?: boolean;
  /** What asked for it, for the audit log. */
  cause?: Record<string, unknown>;
}

/** A newer commit on the same branch makes waiting ones pointless; going back or restarting overtakes everything that waits. */
export async function supersede(tx: Tx, serviceId: string, wanted: NewDeployment): Promise<void> {
  const waiting = await tx.deployment.findMany({
    where: { serviceId, status: 'pending', ...(wanted.from ? {} : { branch: wanted.branch ?? null }) },
    select: { id: true },
  });
  for (const { id } of waiting) {
    const run = await tx.run.findFirst({ where: { subjectId: id, workflow: DEPLOYMENT, status: 'queued' } });
    if (!run) continue;
    await cancelRuns(tx, { id: run.id }, 'superseded');
    const { count } = await tx.deployment.updateMany({
      where: { id, status: 'pending' },
      data: { status: 'superseded', completedAt: await databaseTime(tx) },
    });
    if (count > 0) await recordDeploymentEvents(tx, [id], 'superseded');
  }
  if (wanted.cancelBuilds) await cancelBuilding(tx, serviceId, wanted.branch ?? null);
}

/** Its run ends by itself and cleans up; the new one waits for that. */
async function cancelBuilding(tx: Tx, serviceId: string, branch: string | null): Promise<void> {
  const building = await tx.deployment.findMany({
    where: { serviceId, status: 'building', branch },
    select: { id: true },
  });
  for (const { id } of building) {
    const run = await tx.run.findFirst({ where: { subjectId: id, workflow: DEPLOYMENT, status: 'running' } });
    if (run) await cancelRuns(tx, { id: run.id });
  }
}

/** Starting and restarting is something done to the service; everything else makes a deployment. */
export function auditedStart(row: DeploymentRow, wanted: NewDeployment): AuditEntry {
  const { id, serviceId } = row;
  const { trigger, rollbackOf, overrides, cause } = wanted;
  const { projectId } = wanted.config;
  const variables = overrides ? { variables: namesOf(overrides) } : {};
  if (trigger === 'start' || trigger === 'restart') {
    const after = { deployment_id: id, ...variables };
    return { resource: 'service', resourceId: serviceId, action: trigger, projectId, after };
  }
  const { branch, commitHash: commit } = row;
  const after = { service_id: serviceId, trigger, branch, commit, rollback_of: rollbackOf, ...variables, ...cause };
  const action = trigger === 'rollback' ? 'rollback' : 'create';
  return { resource: 'deployment', resourceId: id, action, projectId, after };
}
