/** The object store of a backup target. */
import { Inject, Injectable } from '@nestjs/common';
import type { ObjectStore } from '#drivers/object-store/port.js';
import type { ObjectStores, S3Options } from '#drivers/object-store/stores.js';
import { OBJECT_STORES } from '#drivers/tokens.js';
import { Conflict } from '#platform/errors.js';
import { type Prisma, PrismaService } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';

export type TargetRow = Prisma.BackupTargetGetPayload<object>;

export const secretPlace = (targetId: string) => `backup-target:${targetId}`;

@Injectable()
export class TargetStores {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    @Inject(OBJECT_STORES) private readonly stores: ObjectStores,
  ) {}

  /** @param targetId null: the platform's own folder. @throws Conflict `backup_target_gone` */
  async of(targetId: string | null): Promise<ObjectStore> {
    if (targetId === null) return this.stores.own;
    const row = await this.db.backupTarget.findUnique({ where: { id: targetId } });
    if (!row) throw new Conflict('backup_target_gone', 'The backup target was deleted: choose another one.');
    return this.ofRow(row);
  }

  ofRow(row: TargetRow): ObjectStore {
    return this.stores.s3({ ...s3Options(row), secretAccessKey: this.box.open(row.secretKey, secretPlace(row.id)) });
  }
}

function s3Options({ endpoint, region, bucket, prefix, accessKeyId }: TargetRow): Omit<S3Options, 'secretAccessKey'> {
  return { endpoint, region, bucket, prefix, accessKeyId };
}
