/** Files of backups that users take with them. */
import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { recordAudit } from '#features/audit/index.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { Archives } from './archives.js';
import { requireBackup } from './backups.queries.js';
import { requireCompleted } from './backups.state.js';
import { TargetStores } from './target-stores.js';

@Injectable()
export class BackupFiles {
  constructor(
    private readonly db: PrismaService,
    private readonly archives: Archives,
    private readonly stores: TargetStores,
  ) {}

  /** Who took a whole database with him is worth a line. @throws Conflict `backup_in_progress`, `backup_failed` */
  async open(
    caller: Caller,
    databaseId: string,
    id: string,
    signal: AbortSignal,
  ): Promise<{ name: string; stream: Readable }> {
    const row = await this.db.$transaction(async (tx) => {
      const found = await requireBackup(tx, caller, id, databaseId);
      requireCompleted(found);
      const entry = { resource: 'backup', resourceId: id, action: 'download', projectId: found.projectId };
      await recordAudit(tx, caller, { ...entry, after: { database_id: databaseId } });
      return found;
    });
    const ref = { id: row.id, key: row.objectKey ?? '', sha256: row.sha256 ?? '' };
    const packed = this.archives.packed(await this.stores.of(row.targetId), ref, signal);
    const stamp = row.createdAt.toISOString().replace(/[:.]/g, '-');
    return { name: `${row.engine}-${stamp}.dump.zst`, stream: Readable.from(packed, { objectMode: false }) };
  }
}
