/** Moves of a build. Every update says which state it comes from, so two writers cannot both win. */
import type { BuildStatusName } from '#contracts/builds.js';
import type { EventType } from '#contracts/events.js';
import { recordEvent } from '#features/events/index.js';
import { Conflict } from '#platform/errors.js';
import type { Prisma, Tx } from '#platform/prisma/prisma.service.js';
import type { Outcome } from '#workflows/plan.js';
import type { RunFailure } from '#workflows/workflow.js';

export const MOVES: Record<BuildStatusName, BuildStatusName[]> = {
  pending: ['running', 'success', 'failed', 'cancelled'],
  running: ['success', 'failed', 'cancelled'],
  success: [],
  failed: [],
  cancelled: [],
};

export const OPEN: BuildStatusName[] = ['pending', 'running'];

export function comingFrom(to: BuildStatusName): BuildStatusName[] {
  return (Object.keys(MOVES) as BuildStatusName[]).filter((from) => MOVES[from].includes(to));
}

/**
 * Moves one build and records its end as an event. Being there already is fine, a step may run twice, and is not an event.
 * @throws Conflict `build_state` when the move is not in the table.
 */
export async function moveBuild(
  tx: Tx,
  id: string,
  to: BuildStatusName,
  data: Prisma.BuildUpdateManyMutationInput = {},
): Promise<void> {
  const move = (from: BuildStatusName[]) =>
    tx.build.updateMany({ where: { id, status: { in: from } }, data: { ...data, status: to } });
  const { count } = await move(comingFrom(to));
  if (count > 0) await tellEnd(tx, id, to);
  if (count === 0 && (await move([to])).count === 0)
    throw new Conflict('build_state', `The build can no longer become ${to}.`);
}

/** The run that it belongs to has ended without it; a build that has ended before stays as it is, and so does one that never was. */
export async function endBuild(tx: Tx, id: string, outcome: Outcome, failure: RunFailure | null): Promise<void> {
  const why = failure ?? { code: 'internal', message: 'Unknown failure.' };
  const status = outcome === 'cancelled' ? 'cancelled' : 'failed';
  const { count } = await tx.build.updateMany({
    where: { id, status: { in: OPEN } },
    data: {
      status,
      error: why.message,
      errorCode: why.code,
      completedAt: new Date(),
    },
  });
  if (count > 0) await tellEnd(tx, id, status);
}

/** A build without a project has nobody to tell. */
async function tellEnd(tx: Tx, id: string, status: BuildStatusName): Promise<void> {
  if (OPEN.includes(status)) return;
  const { projectId, ...row } = await tx.build.findUniqueOrThrow({ where: { id } });
  if (!projectId) return;
  const build = {
    id,
    service_id: row.serviceId,
    deployment_id: row.deploymentId,
    status,
    build_type: row.buildType,
    image_name: row.imageName,
    image_tag: row.imageTag,
    error: row.error,
    error_code: row.errorCode,
    created_at: row.createdAt,
    started_at: row.startedAt,
    completed_at: row.completedAt,
  };
  await recordEvent(tx, { projectId, type: `build.${status}` as EventType, data: { build } });
}
