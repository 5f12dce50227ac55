/** Starting, reading, cancelling deployments. Each method is one transaction and a nudge; the worker does the rest. */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { CreateDeploymentRequest } from '#contracts/deployments.js';
import type { DiskGuard } from '#drivers/disk/disk-guard.js';
import { DISK_GUARD } from '#drivers/tokens.js';
import { type AuditActor, recordAudit } from '#features/audit/index.js';
import { recordDeploymentEvents } from '#features/events/index.js';
import { openConfig, type ReleaseConfig, sealConfig } from '#features/releases/index.js';
import {
  lockService,
  refreshServiceStatus,
  requireService,
  type ServiceRow,
  serviceLock,
} from '#features/services/index.js';
import { Conflict } from '#platform/errors.js';
import { type Caller, notFound, notFoundAs } from '#platform/http/index.js';
import { databaseTime, PrismaService, repeatOnDeadlock, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { RunQueue } from '#workflows/run-queue.js';
import { cancelRuns, createRun, resolveStuck } from '#workflows/runs.queries.js';
import { freezeConfig } from './deployments.freeze.js';
import { auditedStart, type NewDeployment, supersede, type Trigger } from './deployments.start.js';
import { OPEN } from './deployments.state.js';
import type { DeploymentRow } from './deployments.view.js';
import { DEPLOYMENT } from './deployments.workflow.js';

/** What is made in the same moment and must be there first. */
interface Needs {
  deployments: string[];
  /** Those that bring up databases. */
  runs: string[];
}

/** A deployment that no user has asked for by himself. */
export interface AutomaticDeployment {
  branch: string | null;
  commit: string | null;
  subject?: string | null;
  cancelBuilds?: boolean;
  /** Instead of the service's own; of the same repository. */
  image?: string;
  cause: Record<string, unknown>;
}

@Injectable()
export class DeploymentsService {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly queue: RunQueue,
    @Inject(DISK_GUARD) private readonly disk: DiskGuard,
  ) {}

  /** Builds and releases a commit; trigger `restart` releases the live image again. @throws Capacity `disk_low` */
  async create(
    caller: Caller,
    serviceId: string,
    request: CreateDeploymentRequest = {},
    trigger?: Trigger,
  ): Promise<DeploymentRow> {
    if (request.trigger === 'restart') return this.restart(caller, serviceId, 'restart', request.env_vars);
    await this.requireRoom(caller, serviceId);
    return this.started(caller, serviceId, async (tx, service) => {
      const config = await freezeConfig(tx, this.box, service, request.env_vars);
      const branch = request.branch ?? config.source.branch ?? null;
      const commit = request.commit_hash ?? null;
      return { trigger: trigger ?? request.trigger ?? 'manual', config, branch, commit, overrides: request.env_vars };
    });
  }

  /**
   * For whoever makes several services at once: the first deployment of a service just inserted, in the caller's transaction.
   * @param after deployments of the same transaction that must be live before this one starts.
   * @returns the run to nudge after commit.
   */
  async createIn(tx: Tx, service: ServiceRow, needs: Needs): Promise<{ deploymentId: string; runId: string }> {
    const frozen = await freezeConfig(tx, this.box, service);
    const { deployments: after, runs: afterRuns } = needs;
    const config = {
      ...frozen,
      ...(after.length > 0 ? { after } : {}),
      ...(afterRuns.length > 0 ? { afterRuns } : {}),
    };
    const wanted: NewDeployment = { trigger: 'manual', config, branch: config.source.branch ?? null };
    const runId = randomUUID();
    const { id: deploymentId } = await this.insert(tx, service.id, wanted, runId);
    return { deploymentId, runId };
  }

  /**
   * For a webhook, a deploy hook, or a push that was found by looking. `decide` is asked in the transaction, with the service locked; what it
   * writes counts together with the deployment. Null: nothing is deployed.
   * @param actor null = the platform itself
   */
  async automatic(
    service: { id: string; ownerId: string },
    actor: AuditActor,
    decide: (tx: Tx, service: ServiceRow) => Promise<AutomaticDeployment | null>,
  ): Promise<DeploymentRow | null> {
    const owner: Caller = { userId: service.ownerId, isAdmin: false };
    await this.requireRoom(owner, service.id);
    return this.start(owner, actor, service.id, async (tx, row) => {
      const decided = await decide(tx, row);
      if (!decided) return null;
      const { image, ...wanted } = decided;
      const config = await freezeConfig(tx, this.box, row);
      const source = image ? { ...config.source, image } : config.source;
      return { trigger: 'webhook', config: { ...config, source }, ...wanted };
    });
  }

  /** A look at the local disk, before anything is made; who may not see the service is told that first. */
  private async requireRoom(caller: Caller, serviceId: string): Promise<void> {
    if ((await this.disk.low()).length === 0) return;
    const { source } = await requireService(this.db, caller, serviceId);
    if ((source as ReleaseConfig['source']).type !== 'image') await this.disk.requireRoom();
  }

  /** The live image with the current configuration. @throws Conflict `nothing_deployed`. */
  restart(
    caller: Caller,
    serviceId: string,
    trigger: 'restart' | 'start',
    overrides?: Record<string, string>,
  ): Promise<DeploymentRow> {
    return this.started(caller, serviceId, async (tx, service) => {
      const from =
        service.liveDeploymentId && (await tx.deployment.findUnique({ where: { id: service.liveDeploymentId } }));
      if (!from) throw new Conflict('nothing_deployed', 'Nothing has been deployed yet: create a deployment first.');
      return { trigger, config: await freezeConfig(tx, this.box, service, overrides), from, overrides };
    });
  }

  /** An older deployment's image and configuration. @throws Conflict `already_live`, `no_image`, `image_collected`. */
  async rollback(caller: Caller, deploymentId: string): Promise<DeploymentRow> {
    const from = await this.require(caller, deploymentId);
    return this.started(caller, from.serviceId, async (tx, service) => {
      if (service.liveDeploymentId === from.id && service.desiredState === 'running')
        throw new Conflict('already_live', 'This deployment is the live one.');
      if (!from.imageId || (!from.port && service.type === 'web')) {
        throw new Conflict(
          'no_image',
          'This deployment never ran, so there is nothing to go back to: choose one that was live.',
        );
      }
      await requireImage(tx, from);
      const { after: _, afterRuns: __, ...config } = openConfig(this.box, from);
      return { trigger: 'rollback', config, from, rollbackOf: from.id };
    });
  }

  /** @throws NotFound when it does not exist or belongs to somebody else. */
  async require(caller: Caller, id: string): Promise<DeploymentRow> {
    const row = await this.db.deployment.findUnique({ where: { id } });
    if (!row) throw notFound('deployment');
    await requireService(this.db, caller, row.serviceId).catch(notFoundAs('deployment'));
    return row;
  }

  /** @throws Conflict `deployment_finished`. */
  async cancel(caller: Caller, id: string): Promise<DeploymentRow> {
    const { serviceId } = await this.require(caller, id);
    return this.db.$transaction(async (tx) => {
      const { projectId } = await requireService(tx, caller, serviceId);
      const row = await tx.deployment.findUniqueOrThrow({ where: { id } });
      if (!OPEN.some((status) => status === row.status)) {
        throw new Conflict(
          'deployment_finished',
          `The deployment is ${row.status}: only one that is pending, building or deploying can be cancelled.`,
        );
      }
      const run = await tx.run.findFirst({ where: { subjectId: id, workflow: DEPLOYMENT } });
      const ended = run ? await cancelRuns(tx, { id: run.id }) : [];
      const audit = { resource: 'deployment', resourceId: id, action: 'cancel', projectId };
      const before = { service_id: serviceId, status: row.status };
      if (ended.length === 0) {
        await recordAudit(tx, caller, { ...audit, after: before });
        return row;
      }
      const cancelled = await tx.deployment.update({
        where: { id },
        data: { status: 'cancelled', completedAt: await databaseTime(tx), error: 'Cancelled.', errorCode: 'cancelled' },
      });
      await recordDeploymentEvents(tx, [id], 'cancelled');
      await refreshServiceStatus(tx, serviceId);
      await recordAudit(tx, caller, { ...audit, before, after: { service_id: serviceId, status: cancelled.status } });
      return cancelled;
    });
  }

  /** A person's decision about a clean-up that failed. @throws Conflict `deployment_not_stuck`. */
  async resolve(caller: Caller, id: string, decision: 'retry' | 'abandon'): Promise<DeploymentRow> {
    const row = await this.require(caller, id);
    const run = await this.db.run.findFirst({ where: { subjectId: id, workflow: DEPLOYMENT } });
    const { projectId } = await requireService(this.db, caller, row.serviceId);
    await this.db.$transaction(async (tx) => {
      if (!run || !(await resolveStuck(tx, run.id, decision))) {
        throw new Conflict(
          'deployment_not_stuck',
          'The clean-up of this deployment is not stuck: there is nothing to decide.',
        );
      }
      const after = { service_id: row.serviceId, decision };
      await recordAudit(tx, caller, { resource: 'deployment', resourceId: id, action: 'resolve', projectId, after });
    });
    if (run) this.queue.nudge(run.id);
    return row;
  }

  private async started(
    caller: Caller,
    serviceId: string,
    make: (tx: Tx, service: ServiceRow) => Promise<NewDeployment>,
  ): Promise<DeploymentRow> {
    return (await this.start(caller, caller, serviceId, make)) as DeploymentRow;
  }

  /** Null when `make` wants nothing. */
  private async start(
    caller: Caller,
    actor: AuditActor,
    serviceId: string,
    make: (tx: Tx, service: ServiceRow) => Promise<NewDeployment | null>,
  ): Promise<DeploymentRow | null> {
    const runId = randomUUID();
    const start = async (tx: Tx) => {
      await lockService(tx, serviceId);
      const wanted = await make(tx, await requireService(tx, caller, serviceId));
      if (!wanted) return null;
      await supersede(tx, serviceId, wanted);
      const created = await this.insert(tx, serviceId, wanted, runId);
      await recordAudit(tx, actor, auditedStart(created, wanted));
      return created;
    };
    const row = await repeatOnDeadlock(() => this.db.$transaction(start));
    if (row) this.queue.nudge(runId);
    return row;
  }

  private async insert(tx: Tx, serviceId: string, wanted: NewDeployment, runId: string): Promise<DeploymentRow> {
    const createdAt = await databaseTime(tx);
    const created = await tx.deployment.create({ data: { ...this.columns(serviceId, wanted), createdAt } });
    await createRun(tx, { id: runId, workflow: DEPLOYMENT, subjectId: created.id, lockKey: serviceLock(serviceId) });
    await recordDeploymentEvents(tx, [created.id], 'created');
    await refreshServiceStatus(tx, serviceId);
    return created;
  }

  private columns(serviceId: string, wanted: NewDeployment) {
    const { trigger, config, branch, commit, subject, from, rollbackOf } = wanted;
    const id = randomUUID();
    const known = from && {
      commitHash: from.commitHash,
      commitMessage: from.commitMessage,
      branch: from.branch,
      imageId: from.imageId,
      imageName: from.imageName,
      imageTag: from.imageTag,
    };
    return {
      id,
      serviceId,
      trigger,
      branch: branch ?? null,
      commitHash: commit ?? null,
      commitMessage: subject?.slice(0, 500) ?? null,
      config: sealConfig(this.box, id, config),
      replicas: config.replicas,
      rollbackOf: rollbackOf ?? null,
      ...known,
    };
  }
}

/** What was built here has a record for as long as the image exists; a pulled image may have been here before, and has none then. */
async function requireImage(tx: Tx, { serviceId, imageId, imageName, config }: DeploymentRow): Promise<void> {
  const built = imageName?.startsWith('containr/') ?? false;
  const there = !built || (await tx.image.count({ where: { serviceId, imageId: imageId ?? '' } })) > 0;
  if (there && config !== '') return;
  throw new Conflict(
    'image_collected',
    'The image of that deployment was removed to make room; only the last releases of a service keep theirs. Deploy its commit again.',
  );
}
