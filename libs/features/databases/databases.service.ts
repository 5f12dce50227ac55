/** Managed databases: made, changed, started and stopped, deleted and brought back. Each method is one transaction and a nudge. */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type {
  CreateDatabaseRequest,
  DatabaseAction,
  DatabaseStatus,
  DatabaseView,
  UpdateDatabaseRequest,
} from '#contracts/databases.js';
import { engineOf, requireVersion } from '#drivers/engines/index.js';
import { recordAudit } from '#features/audit/index.js';
import { lockProject, requireProject } from '#features/projects/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { Conflict, Invalid } from '#platform/errors.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { databaseTime, PrismaService, repeatOnDeadlock, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { RunQueue } from '#workflows/run-queue.js';
import { createRun } from '#workflows/runs.queries.js';
import { newCredentials, openCredentials, sealCredentials } from './credentials.js';
import {
  type DatabaseRow,
  databaseInclude,
  databaseLock,
  lockDatabase,
  requireDatabase,
  requireDeletedDatabase,
} from './databases.queries.js';
import { DatabaseReader } from './databases.reader.js';
import { removeDatabase } from './databases.removal.js';
import { aliasOf, changedSettings, explainTaken, requireFreeAlias, requireSettings } from './databases.rules.js';
import { DATABASE_PURGE, DATABASE_RESTART, DATABASE_STOP, DATABASE_UP } from './databases.workflow.js';

/** What a change asks the worker to do; null: nothing. */
type Work = { workflow: string; message: string } | null;

export interface NewDatabase {
  name: string;
  type: string;
  plan: string;
  region: string;
  /** Exact. */
  version: string;
  projectId: string;
  /** Host name; without it made of the name. */
  alias?: string;
  /** Of the user `app`; without it one is generated. */
  password?: string;
}

/** Name of the project that is made when none is given. */
const DEFAULT_PROJECT = 'Default';
/** Left longer ago than anything is kept. */
const LONG_AGO = new Date(0);

@Injectable()
export class DatabasesService {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly queue: RunQueue,
    private readonly reader: DatabaseReader,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @throws Invalid `unknown_region`, `unknown_version`; Conflict `database_name_taken` */
  async create(caller: Caller, request: CreateDatabaseRequest): Promise<DatabaseRow> {
    this.requireRegion(request.region);
    const engine = engineOf(request.type);
    const version = requireVersion(engine, request.version);
    const runId = randomUUID();
    const row = await repeatOnDeadlock(() =>
      this.db.$transaction(async (tx) => {
        const projectId = await this.projectFor(tx, caller, request.project_id);
        return this.createIn(tx, caller, { ...request, version, projectId }, runId);
      }),
    );
    this.queue.nudge(runId);
    return row;
  }

  /**
   * The rows, the run and the audit entry of a new database, for whoever makes several things at once. The caller holds the project's lock.
   * @throws Conflict `database_name_taken`; the transaction is lost then
   */
  async createIn(tx: Tx, caller: Caller, wish: NewDatabase, runId: string): Promise<DatabaseRow> {
    const row = await this.insert(tx, wish, runId).catch(explainTaken(wish.name));
    const entry = { resource: 'database', resourceId: row.id, action: 'create', projectId: row.projectId };
    await recordAudit(tx, caller, { ...entry, after: auditFacts(row) });
    return row;
  }

  private async insert(tx: Tx, wish: NewDatabase, runId: string): Promise<DatabaseRow> {
    const id = randomUUID();
    const volumeId = randomUUID();
    const { name, type, plan, region, version, projectId } = wish;
    const alias = wish.alias ?? aliasOf(name);
    await requireFreeAlias(tx, projectId, alias, name);
    const credentials = sealCredentials(this.box, id, newCredentials(wish.password));
    const createdAt = await databaseTime(tx);
    const data = { id, projectId, name, type, version, plan, region, alias, volumeId, credentials, createdAt };
    await tx.database.create({ data });
    await tx.databaseVolume.create({ data: { id: volumeId, databaseId: id, createdAt } });
    await createRun(tx, { id: runId, workflow: DATABASE_UP, subjectId: id, lockKey: databaseLock(id) });
    return tx.database.findUniqueOrThrow({ where: { id }, include: databaseInclude });
  }

  /** @throws Conflict `database_name_taken`, `database_not_running`; Invalid `setting_unknown` */
  async update(caller: Caller, id: string, request: UpdateDatabaseRequest): Promise<{ message: string }> {
    const { work } = await this.changed(caller, id, 'update', async (tx, before) => {
      requireSettings(before, request);
      await tx.database.update({ where: { id }, data: { ...columnsOf(before, request) } });
      return this.workFor(before, request);
    }).catch(explainTaken(request.name ?? ''));
    return { message: work?.message ?? 'Saved.' };
  }

  /** Idempotent: starting what runs changes nothing. */
  async act(caller: Caller, id: string, action: DatabaseAction): Promise<{ message: string; status: DatabaseStatus }> {
    const { row, work } = await this.changed(caller, id, action, async (tx, before) => {
      const desiredState = action === 'stop' ? 'stopped' : 'running';
      const there = action !== 'restart' && before.desiredState === desiredState && before.status === desiredState;
      if (there) return null;
      await tx.database.update({ where: { id }, data: { desiredState } });
      return WORK_OF[action];
    });
    return { message: work?.message ?? `The database is ${row.status} already.`, status: row.status as DatabaseStatus };
  }

  /** A new password, generated or given; services get it with their next deployment. */
  async rotate(caller: Caller, id: string, password: string): Promise<{ message: string }> {
    await this.changed(caller, id, 'password', async (tx, before) => {
      if (before.status !== 'running')
        throw new Conflict('database_not_running', `The database is ${before.status}: start it first.`);
      const credentials = { ...openCredentials(this.box, before), next: password };
      await tx.database.update({ where: { id }, data: { credentials: sealCredentials(this.box, id, credentials) } });
      return { workflow: DATABASE_UP, message: '' };
    });
    return {
      message:
        'The password is being changed; connection_url has it when the status is running again. Deploy linked services then.',
    };
  }

  /** @throws Conflict `database_linked` unless forced: then the variables of the links go, too */
  async remove(caller: Caller, id: string, force: boolean): Promise<{ message: string }> {
    const runs = await repeatOnDeadlock(() =>
      this.db.$transaction(async (tx) => {
        const before = await requireDatabase(tx, caller, id);
        await lockDatabase(tx, id);
        if (before.links.length > 0 && !force) throw await linked(tx, before);
        const removal = await removeDatabase(tx, id);
        const { projectId } = before;
        await recordAudit(tx, caller, {
          resource: 'database',
          resourceId: id,
          action: 'delete',
          projectId,
          before: auditFacts(before),
        });
        return removal;
      }),
    );
    for (const run of runs) this.queue.nudge(run);
    return {
      message:
        'The database is being removed. Its data is kept for 7 days: POST /databases/{id}/undelete brings it back.',
    };
  }

  /** @throws NotFound `database_not_found`, also when its data is gone; Conflict `database_name_taken` */
  async undelete(caller: Caller, id: string): Promise<DatabaseView> {
    const runId = randomUUID();
    const row = await this.db
      .$transaction(async (tx) => {
        const before = await requireDeletedDatabase(tx, caller, id);
        await lockProject(tx, caller, before.projectId);
        await requireFreeAlias(tx, before.projectId, before.alias, before.name);
        const data = { deletedAt: null, desiredState: 'running', status: 'building', error: null, errorCode: null };
        const { count } = await tx.database.updateMany({
          where: { id, deletedAt: { not: null }, purgedAt: null },
          data,
        });
        if (count === 0) throw notFound('database');
        await tx.databaseVolume.updateMany({ where: { id: before.volumeId }, data: { detachedAt: null } });
        await createRun(tx, { id: runId, workflow: DATABASE_UP, subjectId: id, lockKey: databaseLock(id) });
        const after = await tx.database.findUniqueOrThrow({ where: { id }, include: databaseInclude });
        const { projectId } = before;
        await recordAudit(tx, caller, {
          resource: 'database',
          resourceId: id,
          action: 'undelete',
          projectId,
          after: auditFacts(after),
        });
        return after;
      })
      .catch(explainTaken(''));
    this.queue.nudge(runId);
    return this.reader.view(caller, row);
  }

  /** The data of a deleted database, for good. @throws NotFound `database_not_found` */
  async purge(caller: Caller, id: string): Promise<void> {
    const runId = randomUUID();
    await this.db.$transaction(async (tx) => {
      const { projectId, name } = await requireDeletedDatabase(tx, caller, id);
      await tx.databaseVolume.updateMany({ where: { databaseId: id, purgedAt: null }, data: { detachedAt: LONG_AGO } });
      await createRun(tx, { id: runId, workflow: DATABASE_PURGE, subjectId: id, lockKey: databaseLock(id) });
      await recordAudit(tx, caller, {
        resource: 'database',
        resourceId: id,
        action: 'purge',
        projectId,
        before: { name },
      });
    });
    this.queue.nudge(runId);
  }

  regions(): { name: string; hosts: number }[] {
    return [{ name: this.config.CONTAINR_REGION, hosts: 1 }];
  }

  /** @throws Invalid `unknown_region` */
  requireRegion(name: string): void {
    const known = this.regions().map((region) => region.name);
    if (known.includes(name)) return;
    throw new Invalid('unknown_region', `There is no host in the region "${name}". Known: ${known.join(', ')}.`, {
      details: { regions: known },
    });
  }

  /** Locked until commit, so that host names are compared one after the other. */
  private async projectFor(tx: Tx, caller: Caller, given: string | undefined): Promise<string> {
    if (given) {
      await lockProject(tx, caller, given);
      return given;
    }
    if (caller.projectId) {
      await lockProject(tx, caller, caller.projectId);
      return caller.projectId;
    }
    await tx.$queryRaw`SELECT 1 FROM users WHERE id = ${caller.userId}::uuid FOR UPDATE`;
    const known = await tx.project.findFirst({
      where: { ownerId: caller.userId, name: DEFAULT_PROJECT, deletedAt: null },
      orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    });
    const id = known?.id ?? randomUUID();
    if (!known) {
      await tx.project.create({ data: { id, ownerId: caller.userId, name: DEFAULT_PROJECT } });
      const after = { name: DEFAULT_PROJECT };
      await recordAudit(tx, caller, { resource: 'project', resourceId: id, action: 'create', projectId: id, after });
    }
    await requireProject(tx, caller, id);
    return id;
  }

  /** One change under the lock of the row: the work is queued in the same transaction and the status says that it is being done. */
  private async changed(
    caller: Caller,
    id: string,
    action: string,
    change: (tx: Tx, before: DatabaseRow) => Promise<Work>,
  ): Promise<{ row: DatabaseRow; work: Work }> {
    const runId = randomUUID();
    const result = await repeatOnDeadlock(() =>
      this.db.$transaction(async (tx) => {
        await requireDatabase(tx, caller, id);
        await lockDatabase(tx, id);
        const before = await requireDatabase(tx, caller, id);
        const work = await change(tx, before);
        if (work) {
          await tx.database.update({ where: { id }, data: { status: 'building' } });
          await createRun(tx, { id: runId, workflow: work.workflow, subjectId: id, lockKey: databaseLock(id) });
        }
        const row = await requireDatabase(tx, caller, id);
        const differs = work !== null || action === 'update';
        const sides = action === 'update' ? { before: auditFacts(before), after: auditFacts(row) } : {};
        const entry = { resource: 'database', resourceId: id, action, projectId: row.projectId, ...sides };
        if (differs) await recordAudit(tx, caller, entry);
        return { row, work };
      }),
    );
    if (result.work) this.queue.nudge(runId);
    return result;
  }

  /** What an update means for what runs. */
  private workFor(before: DatabaseRow, request: UpdateDatabaseRequest): Work {
    const changed = changedSettings(before, request);
    if (before.desiredState !== 'running') return null;
    if (changed.length === 0 && (request.plan ?? before.plan) === before.plan) return null;
    const { restart } = engineOf(before.type).settings;
    const restarts = changed.some((name) => restart.includes(name));
    return restarts
      ? {
          workflow: DATABASE_RESTART,
          message: 'Saved. The database is restarted, because the engine needs that for this change.',
        }
      : { workflow: DATABASE_UP, message: 'Saved. The change takes effect without a restart.' };
  }
}

const WORK_OF: Record<DatabaseAction, Work> = {
  start: { workflow: DATABASE_UP, message: 'The database is being started.' },
  stop: { workflow: DATABASE_STOP, message: 'The database is being stopped. Its data stays.' },
  restart: { workflow: DATABASE_RESTART, message: 'The database is being restarted.' },
};

function columnsOf(before: DatabaseRow, { name, plan, settings }: UpdateDatabaseRequest) {
  return {
    ...(name === undefined ? {} : { name }),
    ...(plan === undefined ? {} : { plan }),
    ...(settings ? { settings: { ...(before.settings as object), ...settings } } : {}),
  };
}

function auditFacts({ name, type, version, plan, region, settings }: DatabaseRow) {
  return { name, type, version, plan, region, settings };
}

async function linked(tx: Tx, { links }: DatabaseRow): Promise<Conflict> {
  const services = await tx.service.findMany({
    where: { id: { in: links.map(({ serviceId }) => serviceId) } },
    select: { id: true, name: true },
  });
  const names = services.map(({ name }) => name).join(', ');
  return new Conflict(
    'database_linked',
    `These services use it: ${names}. Unlink them first, or delete with force=true.`,
    { details: { services } },
  );
}
