/** Moves of a deployment. Every update says which state it comes from, so two writers cannot both win. */
import type { DeploymentStatus } from '#contracts/deployments.js';
import { recordDeploymentEvents } from '#features/events/index.js';
import { Conflict } from '#platform/errors.js';
import type { Prisma, Tx } from '#platform/prisma/prisma.service.js';

export const MOVES: Record<DeploymentStatus, DeploymentStatus[]> = {
  pending: ['building', 'deploying', 'superseded', 'failed', 'cancelled'],
  building: ['deploying', 'failed', 'cancelled'],
  deploying: ['running', 'failed', 'cancelled'],
  running: ['superseded'],
  superseded: [],
  failed: [],
  cancelled: [],
};

export const FINAL = new Set<string>(['superseded', 'failed', 'cancelled']);
export const OPEN = ['pending', 'building', 'deploying'] as const;

export function comingFrom(to: DeploymentStatus): DeploymentStatus[] {
  return (Object.keys(MOVES) as DeploymentStatus[]).filter((from) => MOVES[from].includes(to));
}

/** States whose beginning is told to others; `created` is told where the row is made. */
const TOLD = ['building', 'running', 'failed', 'cancelled', 'superseded'] as const;

/**
 * Moves one deployment and records the event. Being there already is fine, a step may run twice, and is not an event.
 * @throws Conflict `deployment_state` when the move is not in the table.
 */
export async function moveDeployment(
  tx: Tx,
  id: string,
  to: DeploymentStatus,
  data: Prisma.DeploymentUpdateManyMutationInput = {},
): Promise<void> {
  const move = (from: DeploymentStatus[]) =>
    tx.deployment.updateMany({ where: { id, status: { in: from } }, data: { ...data, status: to } });
  const { count } = await move(comingFrom(to));
  const told = TOLD.find((status) => status === to);
  if (count > 0 && told) await recordDeploymentEvents(tx, [id], told);
  if (count === 0 && (await move([to])).count === 0)
    throw new Conflict('deployment_state', `The deployment can no longer become ${to}.`);
}
