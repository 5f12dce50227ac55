/**
 * What is kept, and removing what is not. Takes no input: looks at the rows, marks what retention lets go, removes the files of what is
 * marked, and ends what nobody works on any more. By our own records only: a file that no row names is never touched.
 */
import { Inject, Injectable } from '@nestjs/common';
import { LOGGER, type Logger } from '#platform/logger.js';
import { databaseTime, PrismaService } from '#platform/prisma/prisma.service.js';
import { folderOf } from './backups.plan.js';
import { TargetStores } from './target-stores.js';

/** Made without anybody asking for it. */
const SAFETY_DAYS = 7;
const FINAL_DAYS = 30;
/** A failed one has no file, only its story. */
const FAILED_DAYS = 30;
/** Rows of what is gone. */
const HISTORY_DAYS = 90;
const AT_ONCE = 100;
const REMOVE_MS = 60_000;

@Injectable()
export class BackupSweeper {
  constructor(
    private readonly db: PrismaService,
    private readonly stores: TargetStores,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  async round(): Promise<{ expired: number; purged: number; abandoned: number }> {
    const abandoned = await this.endAbandoned();
    const expired = await this.expire();
    const purged = await this.purge();
    return { expired, purged, abandoned };
  }

  /** The newest complete backup of a database stays, whatever its age; those that somebody asked for stay until somebody deletes them. */
  private expire(): Promise<number> {
    return this.db.$executeRaw`
      UPDATE backups SET deleted_at = clock_timestamp() WHERE id IN (
        SELECT id FROM (
          SELECT b.id, b.trigger, b.status, b.created_at, s.keep_count, s.keep_days,
            row_number() OVER (PARTITION BY b.database_id, b.trigger, b.status ORDER BY b.created_at DESC, b.id DESC) AS position,
            row_number() OVER (PARTITION BY b.database_id, b.status ORDER BY b.created_at DESC, b.id DESC) AS newest
          FROM backups b LEFT JOIN backup_schedules s ON s.database_id = b.database_id
          WHERE b.deleted_at IS NULL AND b.status <> 'in_progress') x
        WHERE NOT EXISTS (SELECT 1 FROM restores r WHERE r.backup_id = x.id AND r.status = 'in_progress')
          AND ((status = 'failed' AND created_at < clock_timestamp() - make_interval(days => ${FAILED_DAYS}))
          OR (status = 'completed' AND newest > 1 AND (
            (trigger = 'schedule' AND (position > keep_count OR created_at < clock_timestamp() - make_interval(days => keep_days)))
            OR (trigger = 'safety' AND created_at < clock_timestamp() - make_interval(days => ${SAFETY_DAYS}))))
          OR (status = 'completed' AND trigger = 'final' AND created_at < clock_timestamp() - make_interval(days => ${FINAL_DAYS})))
        LIMIT ${AT_ONCE})`;
  }

  /** A target that does not work now is asked again in the next round. */
  private async purge(): Promise<number> {
    const rows = await this.db.backup.findMany({
      // One that failed has no file; what it may have left goes at once, its row stays to be read.
      where: { purgedAt: null, OR: [{ status: 'failed' }, { status: 'completed', deletedAt: { not: null } }] },
      orderBy: { createdAt: 'asc' },
      take: AT_ONCE,
    });
    let purged = 0;
    for (const row of rows) {
      try {
        await (await this.stores.of(row.targetId)).remove(folderOf(row), AbortSignal.timeout(REMOVE_MS));
        await this.db.backup.update({ where: { id: row.id }, data: { purgedAt: await databaseTime(this.db) } });
        purged += 1;
      } catch (err) {
        this.log.warn({ err, backup: row.id }, 'the file of a deleted backup could not be removed; tried again later');
      }
    }
    await this.forget();
    return purged;
  }

  private forget(): Promise<number> {
    return this.db.$executeRaw`
      DELETE FROM backups b WHERE b.deleted_at IS NOT NULL AND b.purged_at < clock_timestamp() - make_interval(days => ${HISTORY_DAYS})
        AND NOT EXISTS (SELECT 1 FROM restores r WHERE r.backup_id = b.id)`;
  }

  /** In progress by its row, but no run is left that could end it. */
  private endAbandoned(): Promise<number> {
    return this.db.$executeRaw`
      UPDATE backups b SET status = 'failed', error_code = 'interrupted', error = 'The backup was interrupted.', completed_at = clock_timestamp()
      WHERE b.status = 'in_progress' AND b.created_at < clock_timestamp() - interval '10 minutes' AND NOT EXISTS (
        SELECT 1 FROM runs r WHERE r.status IN ('queued', 'running', 'undoing', 'stuck') AND (
          r.subject_id = b.id OR r.subject_id = b.database_id
          OR r.subject_id IN (SELECT id FROM restores WHERE safety_id = b.id)))`;
  }
}
