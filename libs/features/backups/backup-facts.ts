/** What a database shows about its backups. */
import type { DatabaseBackups } from '#contracts/databases.js';
import type { BackupFacts } from '#features/databases/index.js';
import type { PrismaService } from '#platform/prisma/prisma.service.js';
import { sizeText } from './backups.view.js';

const NEWEST = 10;

interface Newest {
  id: string;
  database_id: string;
  created_at: Date;
  stored_bytes: bigint | null;
  status: DatabaseBackups['backups'][number]['status'];
}

/** Two statements, however many databases. */
export function backupFacts(db: PrismaService): BackupFacts {
  return async (ids) => {
    const [schedules, rows] = await Promise.all([
      db.backupSchedule.findMany({ where: { databaseId: { in: ids } } }),
      newest(db, ids),
    ]);
    return new Map(
      ids.map((id) => {
        const schedule = schedules.find(({ databaseId }) => databaseId === id);
        const backups = rows.filter(({ database_id }) => database_id === id);
        const last = backups.find(({ status }) => status === 'completed');
        const facts: DatabaseBackups = {
          enabled: schedule?.enabled ?? false,
          retention: schedule?.keepDays ?? 0,
          ...(last ? { last_backup: last.created_at.toISOString() } : {}),
          ...(schedule?.nextRunAt ? { next_backup: schedule.nextRunAt.toISOString() } : {}),
          backups: backups.map(entry),
        };
        return [id, facts];
      }),
    );
  };
}

function newest(db: PrismaService, ids: string[]): Promise<Newest[]> {
  return db.$queryRaw<Newest[]>`
    SELECT b.id, b.database_id, b.created_at, b.stored_bytes, b.status
    FROM unnest(${ids}::uuid[]) AS wanted(id), LATERAL (
      SELECT * FROM backups WHERE database_id = wanted.id AND deleted_at IS NULL
      ORDER BY created_at DESC, id DESC LIMIT ${NEWEST}) b
    ORDER BY b.created_at DESC, b.id DESC`;
}

function entry({ id, created_at, stored_bytes, status }: Newest): DatabaseBackups['backups'][number] {
  return { id, created_at: created_at.toISOString(), size: sizeText(stored_bytes), status };
}
