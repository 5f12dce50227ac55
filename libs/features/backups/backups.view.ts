/** Rows -> what leaves the process. */
import type { BackupScheduleView, BackupTargetView, BackupView, RestoreView } from '#contracts/backups.js';
import type { Prisma } from '#platform/prisma/prisma.service.js';
import type { BackupRow } from './backups.queries.js';
import type { ArchiveFacts } from './facts.js';
import type { TargetRow } from './target-stores.js';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** For people: `0 B`, `999 B`, `1.5 KiB`. */
export function sizeText(bytes: bigint | number | null): string {
  let size = Number(bytes ?? 0);
  let unit = 0;
  for (; size >= 1024 && unit < UNITS.length - 1; unit++) size /= 1024;
  return `${unit === 0 ? size : size.toFixed(1)} ${UNITS[unit]}`;
}

export function backupView(row: BackupRow): BackupView {
  const facts = row.facts as ArchiveFacts | null;
  return {
    id: row.id,
    database_id: row.databaseId,
    project_id: row.projectId,
    status: row.status as BackupView['status'],
    trigger: row.trigger as BackupView['trigger'],
    size: sizeText(row.storedBytes),
    size_bytes: numberOf(row.storedBytes),
    dump_bytes: numberOf(row.dumpBytes),
    sha256: row.sha256,
    target_id: row.targetId,
    engine: row.engine,
    version: row.version,
    tables: facts ? facts.tables.length : null,
    verified_at: timeOf(row.verifiedAt),
    verify_error: row.verifyError,
    error: row.error,
    error_code: row.errorCode,
    created_at: row.createdAt.toISOString(),
    completed_at: timeOf(row.completedAt),
  };
}

export function restoreView(row: Prisma.RestoreGetPayload<object>): RestoreView {
  return {
    id: row.id,
    database_id: row.databaseId,
    backup_id: row.backupId,
    mode: row.mode as RestoreView['mode'],
    status: row.status as RestoreView['status'],
    safety_backup_id: row.safetyId,
    error: row.error,
    error_code: row.errorCode,
    created_at: row.createdAt.toISOString(),
    completed_at: timeOf(row.completedAt),
  };
}

type ScheduleRow = Omit<Prisma.BackupScheduleGetPayload<object>, 'databaseId' | 'createdAt' | 'updatedAt'>;

export function scheduleView(row: ScheduleRow): BackupScheduleView {
  return {
    enabled: row.enabled,
    schedule: row.schedule,
    time_zone: row.timeZone,
    target_id: row.targetId,
    keep_count: row.keepCount,
    keep_days: row.keepDays,
    verify: row.verify,
    next_run_at: timeOf(row.nextRunAt),
  };
}

export function targetView(row: TargetRow): BackupTargetView {
  return {
    id: row.id,
    name: row.name,
    endpoint: row.endpoint,
    region: row.region,
    bucket: row.bucket,
    prefix: row.prefix,
    access_key_id: row.accessKeyId,
    checked_at: timeOf(row.checkedAt),
    check_error: row.checkError,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

const timeOf = (at: Date | null): string | null => at?.toISOString() ?? null;
const numberOf = (bytes: bigint | null): number | null => (bytes === null ? null : Number(bytes));
