/** Steps that change what runs for a database. */
import { Inject, Injectable } from '@nestjs/common';
import type { EngineCommand, Settings } from '#drivers/engines/index.js';
import type { ContainerRuntime } from '#drivers/runtime/port.js';
import { RUNTIME } from '#drivers/tokens.js';
import { volumeName } from '#features/services/index.js';
import { CONFIG, type Config, publicUrl } from '#platform/config.js';
import { Conflict, Unavailable } from '#platform/errors.js';
import { databaseTime, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { type RunRef, type StepContext, type StepKind, stepKind } from '#workflows/workflow.js';
import { Certificates } from './certificates.js';
import { openCredentials, sealCredentials } from './credentials.js';
import { DatabaseContainers, type Instance, projectNetwork } from './database-containers.js';

type OfDatabase = { database: string };
type Nothing = Record<string, never>;
type SetUp = { observed: Partial<Settings> /** Fingerprint of the one that the engine has now. */; password: string };

const MINUTE_MS = 60_000;

@Injectable()
export class DatabaseSteps {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly containers: DatabaseContainers,
    private readonly certificates: Certificates,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  kinds(): StepKind[] {
    const forward = { forwardOnly: true, deadlineMs: 10 * MINUTE_MS };
    return [
      stepKind<OfDatabase, Nothing>({
        kind: 'database.image',
        deadlineMs: 30 * MINUTE_MS,
        do: async (ctx, p) => nothing(this.containers.ensureImage(await this.instance(p), ctx.signal)),
      }),
      stepKind<OfDatabase & { name: string }, Nothing>({
        kind: 'database.start',
        deadlineMs: 3 * MINUTE_MS,
        do: async (ctx, p) => nothing(this.containers.ensureRunning(await this.instance(p), ctx.signal)),
        // The data is in the volume: that stays.
        undo: (_ctx, p) => this.containers.ensureAbsent(p.name, 10),
      }),
      stepKind<OfDatabase, Nothing>({
        kind: 'database.ready',
        deadlineMs: 5 * MINUTE_MS,
        do: async (ctx, p) => nothing(this.containers.awaitReady(await this.instance(p), ctx.signal)),
      }),
      stepKind<OfDatabase, SetUp>({
        kind: 'database.setup',
        deadlineMs: 2 * MINUTE_MS,
        do: (ctx, p) => this.setUp(ctx, p),
        commit: (tx, _run, p, output) => this.keep(tx, p.database, output),
      }),
      stepKind<OfDatabase, Nothing>({
        kind: 'database.limits',
        deadlineMs: 2 * MINUTE_MS,
        do: async (ctx, p) => nothing(this.containers.ensureRunning(await this.instance(p), ctx.signal)),
      }),
      stepKind<{ name: string; grace: number }, Nothing>({
        kind: 'database.stop',
        deadlineMs: ({ grace }) => grace * 1000 + 2 * MINUTE_MS,
        do: (_ctx, p) => nothing(this.containers.ensureAbsent(p.name, p.grace)),
      }),
      stepKind<{ project: string }, Nothing>({
        ...forward,
        kind: 'database.network',
        do: (_ctx, p) => nothing(this.releaseNetwork(p.project)),
      }),
      stepKind<{ volume: string }, Nothing>({
        kind: 'database.purge',
        deadlineMs: 10 * MINUTE_MS,
        do: (_ctx, p) => nothing(this.purge(p.volume)),
        commit: purged,
      }),
    ];
  }

  private async instance({ database }: OfDatabase): Promise<Instance> {
    return this.containers.instanceOf(await this.db.database.findUniqueOrThrow({ where: { id: database } }));
  }

  /** Password and users, certificate, settings; then what the engine says that they are. */
  private async setUp(ctx: StepContext, { database }: OfDatabase): Promise<SetUp> {
    const row = await this.db.database.findUniqueOrThrow({ where: { id: database } });
    const instance = this.containers.instanceOf(row);
    const { engine, access, settings } = instance;
    const password = openCredentials(this.box, row).next ?? access.password;
    const commands = [
      engine.setUp({ ...access, password }),
      settings.ssl ? this.certificates.command(engine, [row.alias, ...this.publicNames()]) : null,
      engine.settings.apply(access, settings),
    ];
    for (const command of commands) if (command) await this.insist(instance, command, ctx.signal);
    const first = await this.observe(instance, ctx.signal);
    // An engine that reads its certificate only when it starts, and had none then.
    const observed = settings.ssl && first.ssl === false ? await this.again(instance, ctx.signal) : first;
    return { observed, password: this.fingerprint(password) };
  }

  private async observe(instance: Instance, signal: AbortSignal): Promise<Partial<Settings>> {
    const { engine, access } = instance;
    return engine.settings.parse(await this.insist(instance, engine.settings.read(access), signal));
  }

  private async again(instance: Instance, signal: AbortSignal): Promise<Partial<Settings>> {
    await this.containers.ensureAbsent(instance.name, instance.engine.graceSeconds);
    await this.containers.ensureRunning(instance, signal);
    await this.containers.awaitReady(instance, signal);
    return this.observe(instance, signal);
  }

  private async insist({ name }: Instance, command: EngineCommand, signal: AbortSignal): Promise<string> {
    const handle = await this.containers.find(name);
    if (!handle) throw new Unavailable('database_gone', 'The container of the database is not there.');
    return this.containers.insist(handle, command, signal);
  }

  /** Under which names it is reached from outside. */
  private publicNames(): string[] {
    return [new URL(publicUrl(this.config)).hostname];
  }

  private fingerprint(password: string): string {
    return this.box.fingerprint('database-password', [Buffer.from(password)]);
  }

  /** The password that the engine has now is the one that is shown from now on; another one may have been wished for meanwhile. */
  private async keep(tx: Tx, id: string, { observed, password }: SetUp): Promise<void> {
    await tx.$queryRaw`SELECT 1 FROM databases WHERE id = ${id}::uuid FOR UPDATE`;
    const row = await tx.database.findUniqueOrThrow({ where: { id } });
    const { next, ...rest } = openCredentials(this.box, row);
    const arrived = next !== undefined && this.fingerprint(next) === password;
    const credentials = arrived ? { credentials: sealCredentials(this.box, id, { ...rest, password: next }) } : {};
    await tx.database.update({ where: { id }, data: { observed, observedAt: await databaseTime(tx), ...credentials } });
  }

  /** A project's network goes with the last that was in it. */
  private async releaseNetwork(projectId: string): Promise<void> {
    const alive = { projectId, deletedAt: null };
    const used = (await this.db.service.count({ where: alive })) + (await this.db.database.count({ where: alive }));
    if (used > 0) return;
    try {
      await this.runtime.networks.ensureAbsent(projectNetwork(projectId), await this.containers.owner());
    } catch (error) {
      // Something else of the project is still being removed: the last one takes the network away.
      if (!(error instanceof Conflict)) throw error;
    }
  }

  private async purge(volume: string): Promise<void> {
    await this.runtime.volumes.ensureAbsent(volumeName(volume), await this.containers.owner());
  }
}

async function purged(tx: Tx, _run: RunRef, { volume }: { volume: string }): Promise<void> {
  const { databaseId } = await tx.databaseVolume.update({
    where: { id: volume },
    data: { purgedAt: await databaseTime(tx) },
  });
  const left = await tx.databaseVolume.count({ where: { databaseId, purgedAt: null } });
  if (left === 0)
    await tx.database.updateMany({
      where: { id: databaseId, deletedAt: { not: null } },
      data: { purgedAt: new Date() },
    });
}

async function nothing(work: Promise<unknown>): Promise<Nothing> {
  await work;
  return {};
}
