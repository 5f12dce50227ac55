/** How the status of a backup moves: once, from `in_progress` to one of the others. */
import type { BackupStatus } from '#contracts/backups.js';
import { Conflict } from '#platform/errors.js';

export const TRANSITIONS: Record<BackupStatus, readonly BackupStatus[]> = {
  in_progress: ['completed', 'failed'],
  completed: [],
  failed: [],
};

/** @throws Conflict `backup_in_progress`, `backup_failed` unless there is a file to restore. */
export function requireCompleted({ status }: { status: string }): void {
  if (status === 'in_progress')
    throw new Conflict('backup_in_progress', 'The backup is still being made: wait until it is completed.');
  if (status !== 'completed') throw new Conflict('backup_failed', 'This backup failed: there is nothing to restore.');
}
