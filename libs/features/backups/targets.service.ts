/** Backup targets of a user: buckets of S3-compatible servers. Written to and read from before they are saved; nobody reads a key back. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { BackupTargetRequest, BackupTargetView } from '#contracts/backups.js';
import { recordAudit } from '#features/audit/index.js';
import { AppError, Conflict } from '#platform/errors.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { databaseTime, PrismaService, type Tx, uniqueViolation } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { targetView } from './backups.view.js';
import { secretPlace, type TargetRow, TargetStores } from './target-stores.js';

const resource = 'backup_target';
/** For the whole check of a target. */
const CHECK_MS = 20_000;

@Injectable()
export class TargetsService {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly stores: TargetStores,
  ) {}

  async list(caller: Caller): Promise<{ targets: BackupTargetView[] }> {
    const rows = await this.db.backupTarget.findMany({ where: { userId: caller.userId }, orderBy: { name: 'asc' } });
    return { targets: rows.map(targetView) };
  }

  /** @throws Invalid, Capacity, Unavailable of the check; Conflict `backup_target_name_taken` */
  async create(caller: Caller, request: BackupTargetRequest): Promise<BackupTargetView> {
    const id = randomUUID();
    const row = this.columns(id, caller, request);
    await this.check(row);
    const created = await this.db
      .$transaction(async (tx) => {
        const checkedAt = await databaseTime(tx);
        const made = await tx.backupTarget.create({ data: { ...row, checkedAt, createdAt: checkedAt } });
        await recordAudit(tx, caller, { resource, resourceId: id, action: 'create', after: audited(made) });
        return made;
      })
      .catch(explainTaken);
    return targetView(created);
  }

  /** Looks again now. @throws as {@link create}; what was found is kept either way */
  async recheck(caller: Caller, id: string): Promise<BackupTargetView> {
    const row = await this.require(this.db, caller, id);
    const failure = await this.check(row).then(
      () => null,
      (error: unknown) => error,
    );
    if (failure !== null && !(failure instanceof AppError)) throw failure;
    const checked = failure
      ? { checkError: failure.message }
      : { checkedAt: await databaseTime(this.db), checkError: null };
    const updated = await this.db.backupTarget.update({ where: { id }, data: checked });
    if (failure) throw failure;
    return targetView(updated);
  }

  /** @throws Conflict `backup_target_in_use` while backups are in it or schedules name it */
  async remove(caller: Caller, id: string): Promise<void> {
    await this.db.$transaction(async (tx) => {
      const row = await this.require(tx, caller, id);
      await tx.$queryRaw`SELECT 1 FROM backup_targets WHERE id = ${id}::uuid FOR UPDATE`;
      const backups = await tx.backup.count({ where: { targetId: id, purgedAt: null } });
      const schedules = await tx.backupSchedule.count({ where: { targetId: id } });
      if (backups + schedules > 0) throw inUse(backups, schedules);
      await tx.backup.updateMany({ where: { targetId: id }, data: { targetId: null } });
      await tx.backupTarget.delete({ where: { id } });
      await recordAudit(tx, caller, { resource, resourceId: id, action: 'delete', before: audited(row) });
    });
  }

  private check(row: TargetRow): Promise<unknown> {
    return this.stores.ofRow(row).check(AbortSignal.timeout(CHECK_MS));
  }

  private columns(id: string, { userId }: Caller, request: BackupTargetRequest): TargetRow {
    const { name, endpoint, region, bucket, prefix, access_key_id: accessKeyId } = request;
    const secretKey = this.box.seal(request.secret_access_key, secretPlace(id));
    const now = new Date();
    const times = { checkedAt: null, checkError: null, createdAt: now, updatedAt: now };
    return { id, userId, name, endpoint, region, bucket, prefix, accessKeyId, secretKey, ...times };
  }

  private async require(db: Tx, { userId }: Caller, id: string): Promise<TargetRow> {
    const row = await db.backupTarget.findFirst({ where: { id, userId } });
    if (!row) throw notFound('backup target');
    return row;
  }
}

function audited({ name, endpoint, region, bucket, prefix }: TargetRow) {
  return { name, endpoint, region, bucket, prefix };
}

function inUse(backups: number, schedules: number): Conflict {
  const message = `The target is in use: ${backups} backups are in it and ${schedules} schedules name it. Delete or change those first.`;
  return new Conflict('backup_target_in_use', message, { details: { backups, schedules } });
}

function explainTaken(error: unknown): never {
  if (!uniqueViolation(error)) throw error;
  throw new Conflict('backup_target_name_taken', 'You have a backup target of this name: choose another name.');
}
