/** When a database is backed up by itself, and what is kept. Every database has a schedule from its plan until somebody sets another. */
import { Injectable } from '@nestjs/common';
import type { BackupScheduleRequest, BackupScheduleView } from '#contracts/backups.js';
import { recordAudit } from '#features/audit/index.js';
import { requireDatabase } from '#features/databases/index.js';
import { nextRun } from '#features/services/index.js';
import { Invalid } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { databaseTime, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { requireDumps } from './backups.service.js';
import { scheduleView } from './backups.view.js';
import { defaultSchedule } from './schedules.js';

@Injectable()
export class SchedulesService {
  constructor(private readonly db: PrismaService) {}

  async get(caller: Caller, databaseId: string): Promise<BackupScheduleView> {
    const database = await requireDatabase(this.db, caller, databaseId);
    const row = await this.db.backupSchedule.findUnique({ where: { databaseId } });
    // Until the worker has seen it: what it will be given.
    return scheduleView(row ?? defaultSchedule(database, await databaseTime(this.db)));
  }

  /** @throws Invalid `schedule_invalid`, `time_zone_invalid`, `unknown_backup_target`; Conflict `backup_unsupported` */
  async save(caller: Caller, databaseId: string, request: BackupScheduleRequest): Promise<BackupScheduleView> {
    return this.db.$transaction(async (tx) => {
      const database = await requireDatabase(tx, caller, databaseId);
      requireDumps(database);
      await requireTarget(tx, caller, request.target_id);
      const known = await tx.backupSchedule.findUnique({ where: { databaseId } });
      const data = columns(request, await databaseTime(tx));
      const row = await tx.backupSchedule.upsert({
        where: { databaseId },
        create: { databaseId, ...data },
        update: data,
      });
      const { projectId } = database;
      const before = known ? { ...scheduleView(known) } : undefined;
      const entry = { resource: 'backup_schedule', resourceId: databaseId, action: 'update', projectId, before };
      await recordAudit(tx, caller, { ...entry, after: { ...scheduleView(row) } });
      return scheduleView(row);
    });
  }
}

/** One of the caller's own: nobody writes into the bucket of somebody else. */
async function requireTarget(tx: Tx, { userId }: Caller, id: string | null): Promise<void> {
  if (id === null || (await tx.backupTarget.count({ where: { id, userId } })) > 0) return;
  throw new Invalid('unknown_backup_target', 'You have no backup target with this id: see GET /backup-targets.');
}

function columns(request: BackupScheduleRequest, now: Date) {
  const {
    enabled,
    schedule,
    time_zone: timeZone,
    target_id: targetId,
    keep_count: keepCount,
    keep_days: keepDays,
  } = request;
  const next = nextRun(schedule, timeZone, now);
  const nextRunAt = enabled ? next : null;
  return { enabled, schedule, timeZone, targetId, keepCount, keepDays, verify: request.verify, nextRunAt };
}
