/** Services of a project: create, read, change, delete. What runs is changed only by deployments. */
import { randomBytes, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { ServiceSource } from '#contracts/service-source.js';
import { givenTriggers, triggerSettings } from '#contracts/service-triggers.js';
import type { CreateServiceRequest, ServiceView, UpdateServiceRequest } from '#contracts/services.js';
import { givenSettings, releaseSettings } from '#contracts/services.js';
import { recordAudit } from '#features/audit/index.js';
import { ProviderAccounts } from '#features/git-providers/index.js';
import { requireProject } from '#features/projects/index.js';
import { Bus } from '#platform/bus.js';
import { CONFIG, type Config } from '#platform/config.js';
import { EgressGuard } from '#platform/egress.js';
import { Conflict, Unavailable } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService, repeatOnDeadlock, type Tx, uniqueViolation } from '#platform/prisma/prisma.service.js';
import { RunQueue } from '#workflows/run-queue.js';
import { auditedService } from './services.audit.js';
import { lockService, requireService } from './services.queries.js';
import { removeServices } from './services.removal.js';
import { hostLabel, nextRun, requireConsistent, requireCreatable } from './services.rules.js';
import { type ServiceRow, serviceInclude, serviceView, settingsOf, triggersOf } from './services.view.js';
import { attachVolumes } from './volumes.queries.js';

/** On the bus: a service was made, changed or deleted. Whoever follows them looks for himself now and then, too. */
export const SERVICES_TOPIC = 'services';

@Injectable()
export class ServicesService {
  constructor(
    private readonly db: PrismaService,
    private readonly egress: EgressGuard,
    private readonly accounts: ProviderAccounts,
    private readonly queue: RunQueue,
    private readonly bus: Bus,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async list(caller: Caller, projectId: string): Promise<ServiceView[]> {
    await requireProject(this.db, caller, projectId);
    const rows = await this.db.service.findMany({
      where: { projectId, deletedAt: null },
      include: serviceInclude,
      orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    });
    return rows.map((row) => serviceView(row, this.config));
  }

  async get(caller: Caller, id: string): Promise<ServiceView> {
    return serviceView(await requireService(this.db, caller, id), this.config);
  }

  /** @throws Conflict `service_name_taken`; Invalid as in services.rules.ts, `url_refused`, and as `ProviderAccounts.requireUsable`. */
  async create(caller: Caller, projectId: string, request: CreateServiceRequest): Promise<ServiceView> {
    await requireProject(this.db, caller, projectId);
    await this.requireValid(request);
    const row = await this.db.$transaction(async (tx) => {
      await this.requireProvider(tx, caller, request.source);
      const created = await this.insert(tx, caller, projectId, request);
      await recordAudit(tx, caller, auditedService('create', null, created));
      return created;
    });
    this.bus.publish(SERVICES_TOPIC);
    return serviceView(row, this.config);
  }

  /** Rules over several fields, and that a repository may be reached. @throws Invalid as `create`. */
  async requireValid(request: CreateServiceRequest): Promise<void> {
    requireCreatable(request);
    requireConsistent(shapeOf(request));
    await this.requireReachable(request.source);
  }

  /**
   * The part of `create` inside the transaction, for whoever makes several services at once.
   * @throws Conflict `service_name_taken`: the transaction is lost then.
   */
  async insert(
    tx: Tx,
    caller: Caller,
    projectId: string,
    request: CreateServiceRequest,
    { id, alias, slug }: ServiceIdentity = newIdentity(request.name),
  ): Promise<ServiceRow> {
    await requireProject(tx, caller, projectId);
    if ((await tx.database.count({ where: { projectId, alias, deletedAt: null } })) > 0) throw nameTaken(request.name);
    await tx.service
      .create({ data: { id, projectId, alias, slug, ...columnsOf(request), ...initial(request) } })
      .catch(explainName(request.name));
    if (request.volumes) await attachVolumes(tx, { id, projectId }, request.volumes);
    return tx.service.findUniqueOrThrow({ where: { id }, include: serviceInclude });
  }

  /** Takes effect with the next deployment, except the schedule, which counts at once. */
  async update(caller: Caller, id: string, request: UpdateServiceRequest): Promise<ServiceView> {
    await this.requireReachable(request.source);
    const row = await this.db
      .$transaction(async (tx) => {
        await lockService(tx, id);
        const before = await requireService(tx, caller, id);
        await this.requireProvider(tx, caller, request.source, before.source as ServiceSource);
        requireConsistent({ ...shapeOf(before), ...shapeChanges(request), type: before.type });
        await tx.service.update({ where: { id }, data: { ...columnsOf(request), ...changed(before, request) } });
        if (request.volumes) await attachVolumes(tx, before, request.volumes);
        const after = await tx.service.findUniqueOrThrow({ where: { id }, include: serviceInclude });
        await recordAudit(tx, caller, auditedService('update', before, after));
        return after;
      })
      .catch(explainName(request.name ?? ''));
    this.bus.publish(SERVICES_TOPIC);
    return serviceView(row, this.config);
  }

  /** Gone for the user at once; containers, images and routes follow. Volumes stay as tombstones. */
  async remove(caller: Caller, id: string): Promise<void> {
    const remove = async (tx: Tx) => {
      const before = await requireService(tx, caller, id);
      await lockService(tx, id);
      const removal = await removeServices(tx, [id]);
      await recordAudit(tx, caller, auditedService('delete', before, null));
      return removal;
    };
    const runs = await repeatOnDeadlock(() => this.db.$transaction(remove));
    for (const run of runs) this.queue.nudge(run);
    this.bus.publish(SERVICES_TOPIC);
  }

  /** Members may leave what the owner of the token set, but take its token to no other repository. */
  private async requireProvider(tx: Tx, caller: Caller, wanted?: ServiceSource, before?: ServiceSource): Promise<void> {
    if (!wanted?.provider_id) return;
    if (before?.provider_id === wanted.provider_id && before.repository === wanted.repository) return;
    await this.accounts.requireUsable(tx, caller, wanted.provider_id, wanted.repository);
  }

  /** The address is checked again at each fetch: this is only to say so early. */
  private async requireReachable(source: ServiceSource | undefined): Promise<void> {
    if (!source?.repository) return;
    try {
      await this.egress.check(source.repository);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error; // no DNS at the moment: the deployment will tell
    }
  }
}

/** What a service is known by before it exists, so that others can refer to it. */
export interface ServiceIdentity {
  id: string;
  /** Host name inside the project's network. */
  alias: string;
  /** First label of its public host name. */
  slug: string;
}

export function newIdentity(name: string): ServiceIdentity {
  const alias = hostLabel(name);
  return { id: randomUUID(), alias, slug: `${alias}-${randomBytes(4).toString('hex')}` };
}

type Columns = Pick<
  UpdateServiceRequest,
  | 'name'
  | 'source'
  | 'build_config'
  | 'resources'
  | 'port'
  | 'health_check_path'
  | 'replicas'
  | 'schedule'
  | 'time_zone'
>;

/** Only what was given: undefined leaves a column alone. */
function columnsOf(request: Columns) {
  return {
    name: request.name as string,
    port: request.port,
    healthCheckPath: request.health_check_path,
    replicas: request.replicas,
    schedule: request.schedule,
    timeZone: request.time_zone,
  };
}

function initial(request: CreateServiceRequest) {
  return {
    type: request.type,
    source: request.source ?? { type: 'git' as const },
    buildConfig: request.build_config ?? {},
    resources: request.resources ?? {},
    settings: releaseSettings.parse(request),
    triggers: triggerSettings.parse(request),
    nextRunAt: request.schedule ? nextRun(request.schedule, request.time_zone ?? null, new Date()) : null,
  };
}

function changed(before: ServiceRow, request: UpdateServiceRequest) {
  const settings = { ...settingsOf(before.settings), ...definedOnly(givenSettings.parse(request)) };
  const triggers = { ...triggersOf(before.triggers), ...definedOnly(givenTriggers.parse(request)) };
  const rescheduled = request.schedule !== undefined || request.time_zone !== undefined;
  const schedule = request.schedule === undefined ? before.schedule : request.schedule;
  const timeZone = request.time_zone === undefined ? before.timeZone : request.time_zone;
  return {
    settings,
    triggers,
    ...(request.name === undefined ? {} : { alias: hostLabel(request.name) }),
    ...(request.source ? { source: request.source } : {}),
    ...(request.build_config ? { buildConfig: request.build_config } : {}),
    ...(request.resources ? { resources: { ...(before.resources as object), ...request.resources } } : {}),
    ...(rescheduled ? { nextRunAt: schedule ? nextRun(schedule, timeZone, new Date()) : null } : {}),
  };
}

function shapeOf(service: {
  type: string;
  schedule?: string | null;
  timeZone?: string | null;
  time_zone?: string | null;
  replicas?: number;
}) {
  return {
    type: service.type,
    schedule: service.schedule ?? null,
    timeZone: service.timeZone ?? service.time_zone ?? null,
    replicas: service.replicas ?? 1,
  };
}

function shapeChanges(request: UpdateServiceRequest) {
  return definedOnly({ schedule: request.schedule, timeZone: request.time_zone, replicas: request.replicas });
}

function definedOnly<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function explainName(name: string) {
  return (error: unknown): never => {
    if (!uniqueViolation(error)?.includes('alias')) throw error;
    throw nameTaken(name);
  };
}

function nameTaken(name: string): Conflict {
  return new Conflict(
    'service_name_taken',
    `Something in this project already has the host name "${hostLabel(name)}": choose another name.`,
  );
}
