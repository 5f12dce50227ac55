/** Steps of backups, their proof and restores. */
import { Injectable } from '@nestjs/common';
import { DatabaseContainers, type Instance } from '#features/databases/index.js';
import { AppError } from '#platform/errors.js';
import { databaseTime, type Prisma, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import type { JsonObject } from '#workflows/plan.js';
import { type StepContext, type StepKind, stepKind } from '#workflows/workflow.js';
import { Archives, type StoredArchive } from './archives.js';
import { folderOf, type Temporary } from './backups.plan.js';
import { failBackup } from './backups.queries.js';
import { bothLooks, DatabaseDumps } from './database-dumps.js';
import type { ArchiveFacts } from './facts.js';
import { TargetStores } from './target-stores.js';
import { TemporaryDatabases } from './temporary-databases.js';

type OfBackup = { backup: string };
type OfTemporary = Temporary & { backup: string };
type Nothing = Record<string, never>;
type Switch = { database: string; name: string; grace: number; from: string; to: string };
type Dumped = StoredArchive & { facts: ArchiveFacts | null };
type Final = { dumped: JsonObject | null; failure: { code: string; message: string } | null };
type OfNew = OfBackup & { database: string; name: string };
type BackupRow = Prisma.BackupGetPayload<object>;

const MINUTE_MS = 60_000;
/** A dump or a load may take hours; one that takes longer than this has got stuck. */
const DATA_MS = 12 * 60 * MINUTE_MS;

@Injectable()
export class BackupSteps {
  constructor(
    private readonly db: PrismaService,
    private readonly archives: Archives,
    private readonly stores: TargetStores,
    private readonly dumps: DatabaseDumps,
    private readonly containers: DatabaseContainers,
    private readonly temporary: TemporaryDatabases,
  ) {}

  kinds(): StepKind[] {
    return [
      stepKind<OfBackup, { dumped: JsonObject }>({
        kind: 'backup.dump',
        deadlineMs: DATA_MS,
        do: async (ctx, p) => ({ dumped: asJson(await this.dump(ctx, p)) }),
        commit: (tx, _run, p, { dumped }) => completed(tx, p.backup, dumped),
        undo: ({ signal }, p) => this.forget(p.backup, signal),
      }),
      stepKind<OfBackup, Nothing>({
        kind: 'archive.prove',
        deadlineMs: DATA_MS,
        do: (ctx, p) => nothing(this.prove(p.backup, ctx.signal)),
      }),
      stepKind<OfTemporary & { keep: boolean }, Nothing>({
        kind: 'temporary.start',
        deadlineMs: 35 * MINUTE_MS,
        begin: (tx, _run, p) => (p.keep ? volumeRow(tx, p) : Promise.resolve()),
        do: async (ctx, p) => nothing(this.temporary.start(await this.instance(p), ctx.signal)),
        undo: async (_ctx, p) => {
          await this.temporary.remove(p);
          if (p.keep)
            await this.db.databaseVolume.updateMany({ where: { id: p.volume }, data: { purgedAt: new Date() } });
        },
      }),
      stepKind<OfTemporary & { strict: boolean }, Nothing>({
        kind: 'temporary.load',
        deadlineMs: DATA_MS,
        do: (ctx, p) => nothing(this.loadTemporary(ctx, p)),
      }),
      stepKind<{ name: string; grace: number }, Nothing>({
        kind: 'temporary.stop',
        deadlineMs: ({ grace }) => grace * 1000 + 2 * MINUTE_MS,
        do: (_ctx, p) => nothing(this.containers.ensureAbsent(p.name, p.grace)),
      }),
      stepKind<Temporary, Nothing>({
        kind: 'temporary.remove',
        deadlineMs: 10 * MINUTE_MS,
        do: (_ctx, p) => nothing(this.temporary.remove(p)),
      }),
      stepKind<Switch, Nothing>({
        kind: 'volume.switch',
        deadlineMs: ({ grace }) => grace * 1000 + 10 * MINUTE_MS,
        do: (_ctx, p) => nothing(this.containers.ensureAbsent(p.name, p.grace)),
        commit: (tx, _run, p) => switchVolume(tx, p.database, p.from, p.to),
        undo: ({ signal }, p) => this.switchBack(p, signal),
      }),
      stepKind<OfNew, Nothing>({
        kind: 'database.load',
        deadlineMs: DATA_MS,
        do: (ctx, p) => nothing(this.loadNew(ctx, p)),
      }),
      stepKind<OfBackup, Final>({
        kind: 'backup.final',
        forwardOnly: true,
        deadlineMs: DATA_MS,
        do: (ctx, p) => this.dumpFinally(ctx, p),
        commit: (tx, _run, p, output) => finallyDumped(tx, p.backup, output),
      }),
    ];
  }

  /** Tables are looked at before and after: see facts.ts. */
  private async dump({ run, signal }: StepContext, { backup }: OfBackup): Promise<Dumped> {
    const row = await this.db.backup.findUniqueOrThrow({ where: { id: backup }, include: { database: true } });
    const store = await this.stores.of(row.targetId);
    const folder = folderOf(row);
    // What a worker left that was killed in the middle.
    await store.remove(folder, signal);
    const instance = this.containers.instanceOf(row.database);
    const handle = await this.dumps.requireHandle(instance);
    const before = await this.dumps.look(handle, instance, signal);
    const about = {
      id: row.id,
      content: `${row.engine} ${row.version} dump, zstd`,
      createdAt: row.createdAt.toISOString(),
    };
    const dump = this.dumps.dump(handle, instance, signal);
    const stored = await this.archives.write(store, `${folder}/${run.id}-${run.attempt}`, about, dump, signal);
    const after = before && (await this.dumps.look(handle, instance, signal));
    return { ...stored, facts: bothLooks(before, after) };
  }

  private async forget(backup: string, signal: AbortSignal): Promise<void> {
    const row = await this.db.backup.findUniqueOrThrow({ where: { id: backup } });
    // Complete: a safety backup stays whatever becomes of the restore that it was made for.
    if (row.status === 'completed') return;
    try {
      await (await this.stores.of(row.targetId)).remove(folderOf(row), signal);
    } catch (error) {
      // A target that is gone or full must not keep the run: the sweeper removes what failed backups left.
      signal.throwIfAborted();
      if (!(error instanceof AppError)) throw error;
    }
  }

  private async prove(backup: string, signal: AbortSignal): Promise<void> {
    const row = await this.stored(backup);
    await this.archives.prove(await this.stores.of(row.targetId), refOf(row), signal);
  }

  private async loadTemporary({ signal }: StepContext, params: OfTemporary & { strict: boolean }): Promise<void> {
    const instance = await this.instance(params);
    // A worker that was killed in the middle left half of it: from nothing again.
    await this.temporary.remove(params);
    await this.temporary.start(instance, signal);
    await this.load(params.backup, instance, signal);
  }

  private async loadNew({ signal }: StepContext, { backup, database, name }: OfNew): Promise<void> {
    const row = await this.db.database.findUniqueOrThrow({ where: { id: database } });
    const instance = this.containers.instanceOf(row);
    await this.temporary.remove({ name, volume: row.volumeId });
    await this.temporary.start(instance, signal);
    await this.load(backup, instance, signal);
  }

  /** A database that is being deleted may be broken: what its backup failed for is kept, and the deletion goes on. */
  private async dumpFinally(ctx: StepContext, params: OfBackup): Promise<Final> {
    try {
      return { dumped: asJson(await this.dump(ctx, params)), failure: null };
    } catch (error) {
      if (!(error instanceof AppError) || error.transient) throw error;
      await this.forget(params.backup, ctx.signal);
      return { dumped: null, failure: { code: error.code, message: error.message } };
    }
  }

  private async load(backup: string, instance: Instance, signal: AbortSignal): Promise<void> {
    const row = await this.stored(backup);
    const handle = await this.containers.awaitReady(instance, signal);
    const store = await this.stores.of(row.targetId);
    await this.dumps.load(handle, instance, this.archives.read(store, refOf(row), signal), signal);
    await this.dumps.compare(handle, instance, row.facts as ArchiveFacts | null, signal);
  }

  private async switchBack({ database, name, grace, from, to }: Switch, signal: AbortSignal): Promise<void> {
    await this.containers.ensureAbsent(name, grace);
    await this.db.$transaction((tx) => switchVolume(tx, database, to, from));
    const row = await this.db.database.findUniqueOrThrow({ where: { id: database } });
    if (row.desiredState !== 'running') return;
    const instance = this.containers.instanceOf(row);
    await this.containers.ensureRunning(instance, signal);
    await this.containers.awaitReady(instance, signal);
  }

  /** The temporary one is made as the database is, on its own volume and without a name that anybody could find. */
  private async instance({ database, name, volume }: Temporary): Promise<Instance> {
    const row = await this.db.database.findUniqueOrThrow({ where: { id: database } });
    return { ...this.containers.instanceOf(row), name, volumeId: volume, aliases: [] };
  }

  private async stored(backup: string): Promise<BackupRow> {
    return this.db.backup.findUniqueOrThrow({ where: { id: backup } });
  }
}

function refOf({ id, objectKey, sha256 }: BackupRow) {
  return { id, key: objectKey ?? '', sha256: sha256 ?? '' };
}

async function completed(tx: Tx, id: string, dumped: JsonObject): Promise<void> {
  const { key, sha256, storedBytes, dumpBytes, facts } = dumped as unknown as Dumped;
  const data = {
    objectKey: key,
    sha256,
    storedBytes,
    dumpBytes,
    status: 'completed',
    completedAt: await databaseTime(tx),
  };
  await tx.backup.updateMany({
    where: { id, status: 'in_progress' },
    data: { ...data, ...(facts ? { facts: facts as unknown as Prisma.InputJsonValue } : {}) },
  });
}

async function finallyDumped(tx: Tx, id: string, { dumped, failure }: Final): Promise<void> {
  if (dumped) await completed(tx, id, dumped);
  else await failBackup(tx, id, failure);
}

/** Detached from its beginning: what forgets it for good finds it also when everything stops here. */
async function volumeRow(tx: Tx, { database, volume }: Temporary): Promise<void> {
  const data = [{ id: volume, databaseId: database, detachedAt: await databaseTime(tx) }];
  await tx.databaseVolume.createMany({ data, skipDuplicates: true });
}

/** The one that is left keeps its data as a tombstone. Twice is the same as once. */
async function switchVolume(tx: Tx, database: string, from: string, to: string): Promise<void> {
  const now = await databaseTime(tx);
  await tx.database.update({ where: { id: database }, data: { volumeId: to } });
  await tx.databaseVolume.updateMany({ where: { id: to }, data: { detachedAt: null } });
  await tx.databaseVolume.updateMany({ where: { id: from, detachedAt: null }, data: { detachedAt: now } });
}

/** Numbers and texts all the way down; interfaces only lack the index signature. */
function asJson(dumped: Dumped): JsonObject {
  return dumped as unknown as JsonObject;
}

async function nothing(work: Promise<unknown>): Promise<Nothing> {
  await work;
  return {};
}
