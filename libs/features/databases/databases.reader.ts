/** Reading databases, with what others know about them: metrics, backups. */
import { Inject, Injectable, Optional } from '@nestjs/common';
import type { DatabaseBackups, DatabaseView } from '#contracts/databases.js';
import { mayIn } from '#features/projects/index.js';
import { CONFIG, type Config, publicUrl } from '#platform/config.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { openCredentials } from './credentials.js';
import { type DatabaseRow, listDatabases, requireDatabase } from './databases.queries.js';
import { databaseView } from './databases.view.js';
import { latestMetrics } from './metrics.queries.js';

/** Injection token of a {@link BackupFacts}: what a database shows about its backups. Without one they are off. */
export const DATABASE_BACKUPS = Symbol('DATABASE_BACKUPS');
export type BackupFacts = (databaseIds: string[]) => Promise<Map<string, DatabaseBackups>>;

const none: BackupFacts = async () => new Map();

@Injectable()
export class DatabaseReader {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    @Inject(CONFIG) private readonly config: Config,
    @Optional() @Inject(DATABASE_BACKUPS) private readonly backups: BackupFacts = none,
  ) {}

  async list(caller: Caller, filter: { projectId: string | undefined; deleted: boolean }): Promise<DatabaseView[]> {
    return this.views(caller, await listDatabases(this.db, caller, filter));
  }

  /** @throws NotFound `database_not_found` */
  async get(caller: Caller, id: string): Promise<DatabaseView> {
    return this.view(caller, await requireDatabase(this.db, caller, id));
  }

  async view(caller: Caller, row: DatabaseRow): Promise<DatabaseView> {
    return (await this.views(caller, [row]))[0] as DatabaseView;
  }

  private async views(caller: Caller, rows: DatabaseRow[]): Promise<DatabaseView[]> {
    const ids = rows.map(({ id }) => id);
    const [metrics, backups, open] = await Promise.all([
      latestMetrics(this.db, ids),
      this.backups(ids),
      this.writable(caller, rows),
    ]);
    const publicHost = new URL(publicUrl(this.config)).hostname;
    return rows.map((row) =>
      databaseView(row, {
        // The password is for those who may change the database, as the values of variables are.
        access: open.has(row.projectId) ? openCredentials(this.box, row) : null,
        metrics: metrics.get(row.id) ?? {},
        backups: backups.get(row.id),
        publicHost,
      }),
    );
  }

  private async writable(caller: Caller, rows: DatabaseRow[]): Promise<Set<string>> {
    const projects = [...new Set(rows.map(({ projectId }) => projectId))];
    const may = await Promise.all(projects.map((id) => mayIn(this.db, caller, id, 'write')));
    return new Set(projects.filter((_, at) => may[at]));
  }
}
