/** How the status of a database moves. */
import type { DatabaseStatus } from '#contracts/databases.js';
import { Conflict } from '#platform/errors.js';
import type { Tx } from '#platform/prisma/prisma.service.js';

/** From -> to. `building`: something is being done to it; what comes next is written by the end of that run. */
export const TRANSITIONS: Record<DatabaseStatus, readonly DatabaseStatus[]> = {
  building: ['building', 'running', 'stopped', 'error'],
  running: ['building', 'running', 'stopped', 'error'],
  stopped: ['building', 'stopped', 'running', 'error'],
  error: ['building', 'running', 'stopped', 'error'],
};

/** @throws Conflict `database_not_running` unless the engine can be asked something. */
export function requireRunning({ status }: { status: string }): void {
  if (status === 'running') return;
  throw new Conflict('database_not_running', `The database is ${status}: start it, or wait until it is running.`);
}

export async function moveDatabase(
  tx: Tx,
  id: string,
  status: DatabaseStatus,
  failure: { code: string; message: string } | null = null,
): Promise<void> {
  await tx.database.updateMany({
    where: { id },
    data: { status, error: failure?.message ?? null, errorCode: failure?.code ?? null },
  });
}
