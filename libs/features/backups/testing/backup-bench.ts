/** A worker, a user with a database, and what tests of backups do again and again. */
import { randomUUID } from 'node:crypto';
import type { EngineCommand } from '#drivers/engines/index.js';
import { engineOf } from '#drivers/engines/index.js';
import { DatabaseContainers, DatabasesService } from '#features/databases/index.js';
import type { Caller } from '#platform/http/index.js';
import { type TestWorker, testWorker } from '../../../../test/factories/worker.js';
import { BackupsService } from '../backups.service.js';
import { RestoresService } from '../restores.service.js';

const never = new AbortController().signal;

export class BackupBench {
  readonly caller: Caller = { userId: randomUUID(), isAdmin: false };
  readonly projectId = randomUUID();

  private constructor(readonly worker: TestWorker) {}

  static async open(...options: Parameters<typeof testWorker>): Promise<BackupBench> {
    const bench = new BackupBench(await testWorker(...options));
    const { userId } = bench.caller;
    const data = { id: userId, email: `${userId}@example.test`, name: 'A', passwordHash: '' };
    await bench.db.user.create({ data });
    await bench.db.project.create({ data: { id: bench.projectId, ownerId: userId, name: 'P' } });
    return bench;
  }

  get db() {
    return this.worker.db;
  }
  get backups() {
    return this.worker.get(BackupsService);
  }
  get restores() {
    return this.worker.get(RestoresService);
  }
  get databases() {
    return this.worker.get(DatabasesService);
  }

  /** One that runs. */
  async database(type = 'postgresql', name = 'data'): Promise<string> {
    const [region] = this.databases.regions();
    const wish = { name, type, plan: 'hobby', region: region?.name ?? '', project_id: this.projectId };
    const { id } = await this.databases.create(this.caller, wish as Parameters<DatabasesService['create']>[1]);
    await this.worker.settle();
    const row = await this.db.database.findUniqueOrThrow({ where: { id } });
    if (row.status !== 'running') throw new Error(`the database is ${row.status}: ${row.error}`);
    return id;
  }

  /** A finished backup, however it ended. */
  async backup(databaseId: string) {
    const { id } = await this.backups.create(this.caller, databaseId);
    await this.worker.settle();
    return this.db.backup.findUniqueOrThrow({ where: { id } });
  }

  /** A finished restore, however it ended. */
  async restore(databaseId: string, backupId: string, more: object = {}) {
    const request = { backup_id: backupId, without_safety_backup: false, ...more };
    const { restore_id: id, database_id } = await this.restores.start(this.caller, databaseId, request);
    await this.worker.settle();
    return { ...(await this.db.restore.findUniqueOrThrow({ where: { id } })), into: database_id };
  }

  row(databaseId: string) {
    return this.db.database.findUniqueOrThrow({ where: { id: databaseId } });
  }

  /** What the engine answers inside its container. */
  async tell(databaseId: string, command: (engine: ReturnType<typeof engineOf>, root: string) => EngineCommand) {
    const containers = this.worker.get(DatabaseContainers);
    const instance = containers.instanceOf(await this.row(databaseId));
    const handle = await containers.find(instance.name);
    if (!handle) throw new Error(`no container ${instance.name}`);
    const told = await containers.tell(handle, command(instance.engine, instance.access.root), never);
    if (told.exitCode !== 0) throw new Error(`${instance.engine.name}: ${told.stderr}`);
    return told.stdout.trim();
  }

  /** Everything that the tests made on a real host. */
  async close(): Promise<void> {
    for (const { id } of await this.db.database.findMany({ where: { deletedAt: null } }))
      await this.databases.remove(this.caller, id, true);
    await this.worker.settle();
    for (const { id } of await this.db.database.findMany({ where: { purgedAt: null } }))
      await this.databases.purge(this.caller, id);
    await this.worker.settle();
    await this.worker.close();
  }
}
