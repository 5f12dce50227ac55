/** Moves of a build. Every update says which state it comes from, so two writers cannot both win. */
import type { BuildStatusName } from '#contracts/builds.js';
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
 * Moves one build. Being there already is fine: a step may run twice.
 * @throws Conflict `build_state` when the move is not in the table.
 */
export async function moveBuild(
  tx: Tx,
  id: string,
  to: BuildStatusName,
  data: Prisma.BuildUpdateManyMutationInput = {},
): Promise<void> {
  const { count } = await tx.build.updateMany({
    where: { id, status: { in: [...comingFrom(to), to] } },
    data: { ...data, status: to },
  });
  if (count === 0) throw new Conflict('build_state', `The build can no longer become ${to}.`);
}

/** The run that it belongs to has ended without it; a build that has ended before stays as it is, and so does one that never was. */
export async function endBuild(tx: Tx, id: string, outcome: Outcome, failure: RunFailure | null): Promise<void> {
  const why = failure ?? { code: 'internal', message: 'Unknown failure.' };
  await tx.build.updateMany({
    where: { id, status: { in: OPEN } },
    data: {
      status: outcome === 'cancelled' ? 'cancelled' : 'failed',
      error: why.message,
      errorCode: why.code,
      completedAt: new Date(),
    },
  });
}
