/** Backups of managed databases: their files, targets and schedules. What the contract does not have is marked "beside the contract". */
import { z } from 'zod';
import { singleLine } from './common.js';
import { databasePlanName } from './databases.js';

export const backupStatus = z.enum(['in_progress', 'completed', 'failed']);
export type BackupStatus = z.output<typeof backupStatus>;
export const backupTrigger = z.enum(['manual', 'schedule', 'safety', 'final', 'upload']);
export type BackupTrigger = z.output<typeof backupTrigger>;

export const backup = z
  .object({
    id: z.uuid(),
    database_id: z.uuid(),
    project_id: z.uuid(),
    status: backupStatus,
    trigger: backupTrigger.describe(
      '`safety`: made before a restore. `final`: made before the database was deleted. `upload`: a dump that was brought along.',
    ),
    size: z.string().describe('Of the stored file, for people, e.g. "12.3 MiB".'),
    size_bytes: z.int().nullable().describe('Of the stored file; null while it is being made.'),
    dump_bytes: z.int().nullable().describe('Of the dump before compression.'),
    sha256: z.string().nullable().describe('Of the stored file.'),
    target_id: z.uuid().nullable().describe("Null: the platform's own folder."),
    engine: z.string(),
    version: z.string().describe('Of the engine when it was made.'),
    tables: z
      .int()
      .nullable()
      .describe('Tables that were counted and summed up when it was made; null when that was not possible.'),
    verified_at: z.iso.datetime().nullable().describe('When a restore of it was last proven to be the same data.'),
    verify_error: z.string().nullable().describe('Why the last try to prove it failed.'),
    error: z.string().nullable(),
    error_code: z.string().nullable(),
    created_at: z.iso.datetime(),
    completed_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Backup' });
export type BackupView = z.output<typeof backup>;

export const backupListQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20).describe('Items per page.'),
  cursor: z.string().max(200).optional().describe('`next_cursor` of the page before.'),
});
export const backupListResponse = z
  .object({ backups: z.array(backup), next_cursor: z.string().nullable() })
  .meta({ id: 'BackupListResponse' });

export const backupCreateResponse = z
  .object({ backup_id: z.uuid(), message: z.string(), status: z.literal('in_progress') })
  .meta({ id: 'DatabaseBackupCreateResponse' });

export const restoreRequest = z
  .object({
    backup_id: z.string().max(100).describe('Of this database, or of another one with the same engine.'),
    as: z
      .object({ name: singleLine(1, 100), plan: databasePlanName.optional() })
      .optional()
      .describe('Beside the contract. A new database of that name gets the data; this one stays as it is.'),
    without_safety_backup: z
      .boolean()
      .default(false)
      .describe(
        'Beside the contract. The data of now is not backed up first; its volume is kept for 7 days all the same.',
      ),
  })
  .meta({ id: 'DatabaseRestoreRequest' });
export type RestoreRequest = z.output<typeof restoreRequest>;

export const restoreResponse = z
  .object({ message: z.string(), restore_id: z.uuid(), database_id: z.uuid() })
  .meta({ id: 'DatabaseRestoreResponse' });

export const restore = z
  .object({
    id: z.uuid(),
    database_id: z.uuid(),
    backup_id: z.uuid(),
    mode: z.enum(['in_place', 'new']),
    status: backupStatus,
    safety_backup_id: z.uuid().nullable(),
    error: z.string().nullable(),
    error_code: z.string().nullable(),
    created_at: z.iso.datetime(),
    completed_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Restore' });
export type RestoreView = z.output<typeof restore>;
export const restoreListResponse = z.object({ restores: z.array(restore) }).meta({ id: 'RestoreListResponse' });

export const backupSchedule = z
  .object({
    enabled: z.boolean(),
    schedule: z.string(),
    time_zone: z.string().nullable(),
    target_id: z.uuid().nullable(),
    keep_count: z.int(),
    keep_days: z.int(),
    verify: z.boolean(),
    next_run_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'BackupSchedule' });
export type BackupScheduleView = z.output<typeof backupSchedule>;

export const backupScheduleRequest = z
  .object({
    enabled: z.boolean().default(true),
    schedule: z.string().trim().min(1).max(100).default('0 3 * * *').describe('Cron, five fields.'),
    time_zone: z.string().max(100).nullable().default(null).describe('IANA name; null: UTC.'),
    target_id: z
      .guid()
      .nullable()
      .default(null)
      .describe("One of GET /backup-targets; null: the platform's own folder."),
    keep_count: z.int().min(1).max(1000).default(7).describe('Scheduled backups that are kept at most.'),
    keep_days: z
      .int()
      .min(1)
      .max(3650)
      .default(7)
      .describe('Days that a scheduled backup is kept; the newest one always stays.'),
    verify: z.boolean().default(true).describe('Whether the newest backup is proven by a restore once a day.'),
  })
  .meta({ id: 'BackupScheduleRequest' });
export type BackupScheduleRequest = z.output<typeof backupScheduleRequest>;

export const backupTarget = z
  .object({
    id: z.uuid(),
    name: z.string(),
    endpoint: z.string(),
    region: z.string(),
    bucket: z.string(),
    prefix: z.string(),
    access_key_id: z.string(),
    checked_at: z.iso.datetime().nullable().describe('When it was last written to and read from.'),
    check_error: z.string().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'BackupTarget' });
export type BackupTargetView = z.output<typeof backupTarget>;
export const backupTargetListResponse = z
  .object({ targets: z.array(backupTarget) })
  .meta({ id: 'BackupTargetListResponse' });

const keyPart = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[!-~]+$/, 'must be printable ASCII without spaces');
export const backupTargetRequest = z
  .object({
    name: singleLine(1, 100),
    endpoint: z
      .url({ protocol: /^https?$/ })
      .max(500)
      .describe('e.g. https://s3.eu-central-1.amazonaws.com; the bucket is not part of it.'),
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,50}$/, 'must be a region name such as us-east-1')
      .default('us-east-1'),
    bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be a bucket name'),
    prefix: z
      .string()
      .regex(/^([a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)*)?$/, 'must be lower-case words separated by slashes')
      .max(200)
      .default('')
      .describe('Goes before every key, so that a bucket can be shared.'),
    access_key_id: keyPart,
    secret_access_key: keyPart.describe('Never shown again.'),
  })
  .meta({ id: 'BackupTargetRequest' });
export type BackupTargetRequest = z.output<typeof backupTargetRequest>;
