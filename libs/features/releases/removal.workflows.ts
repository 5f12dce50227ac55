/** Workflows that take things away: stopping a service, deleting it, deleting a detached volume for good. */
import { Inject, Injectable } from '@nestjs/common';
import type { ContainerRuntime } from '#drivers/runtime/port.js';
import type { SourceStore } from '#drivers/source/port.js';
import { RUNTIME, SOURCE } from '#drivers/tokens.js';
import { recordAudit } from '#features/audit/index.js';
import { refreshServiceStatus, SERVICE_DELETE, VOLUME_PURGE, volumeName } from '#features/services/index.js';
import { Bus } from '#platform/bus.js';
import { Conflict } from '#platform/errors.js';
import { PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { type Outcome, type Plan, step } from '#workflows/plan.js';
import { type RunRef, type StepContext, type StepKind, stepKind, type Workflow } from '#workflows/workflow.js';
import { networkName } from './release-config.js';
import { Releases } from './releases.js';
import { liveRelease, serviceTopic } from './releases.queries.js';

export const SERVICE_STOP = 'service-stop';
const DEADLINE_MS = 10 * 60_000;

type OfService = { service: string };

@Injectable()
export class RemovalWorkflows {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly releases: Releases,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    @Inject(SOURCE) private readonly source: SourceStore,
    private readonly bus: Bus,
  ) {}

  workflows(): Workflow[] {
    const changed = (run: RunRef) => this.bus.publish(serviceTopic(run.subjectId));
    const stopped = (tx: Tx, run: RunRef) => refreshServiceStatus(tx, run.subjectId);
    return [
      { name: SERVICE_STOP, plan: (tx, run) => this.planStop(tx, run), finished: stopped, changed },
      { name: SERVICE_DELETE, plan: (tx, run) => planDelete(tx, run), finished: removedService, changed },
      {
        name: VOLUME_PURGE,
        plan: async (_tx, run) => [step('volume.remove', { volume: run.subjectId })],
        finished: removedVolume,
      },
    ];
  }

  kinds(): StepKind[] {
    const forward = { forwardOnly: true, deadlineMs: DEADLINE_MS };
    return [
      stepKind<OfService, Record<string, never>>({
        ...forward,
        kind: 'service.remove',
        do: (_ctx, p) => this.removeContainers(p.service),
      }),
      stepKind<OfService, Record<string, never>>({
        ...forward,
        kind: 'images.remove',
        do: (_ctx, p) => this.removeImages(p.service),
      }),
      stepKind<OfService, Record<string, never>>({
        ...forward,
        kind: 'source.remove',
        do: async (_ctx, p) => done(this.source.ensureAbsent(p.service)),
      }),
      stepKind<{ project: string }, Record<string, never>>({
        ...forward,
        kind: 'network.release',
        do: (_ctx, p) => this.releaseNetwork(p.project),
      }),
      stepKind<{ volume: string }, Record<string, never>>({
        ...forward,
        kind: 'volume.remove',
        do: (ctx, p) => this.removeVolume(ctx, p.volume),
      }),
    ];
  }

  private async planStop(tx: Tx, run: RunRef): Promise<Plan> {
    const live = await liveRelease(tx, this.box, run.subjectId);
    const self = { service: run.subjectId };
    if (!live) return [step('service.remove', self)];
    const { names, port, config } = live;
    const grace = config.settings.stop_grace_period;
    const web = config.type === 'web' && port;
    return [
      ...(web
        ? [step('route.close', self), step('release.drain', { names, port, within: config.settings.drain_timeout })]
        : []),
      step('release.retire', { names, grace }),
      step('service.remove', self),
    ];
  }

  /** Everything that carries the service's label, jobs included. */
  private async removeContainers(serviceId: string): Promise<Record<string, never>> {
    const found = await this.runtime.observe(await this.releases.owner(), { service: serviceId });
    return done(this.releases.remove(found.map((workload) => workload.name)));
  }

  private async removeImages(serviceId: string): Promise<Record<string, never>> {
    const images = await this.db.image.findMany({ where: { serviceId } });
    // One after the other: tags of one image id must go before the id itself.
    for (const image of images) await this.runtime.images.ensureAbsent(image.tag);
    await this.db.image.deleteMany({ where: { serviceId } });
    return {};
  }

  /** A project's network goes with its last service. */
  private async releaseNetwork(projectId: string): Promise<Record<string, never>> {
    const used = await this.db.service.count({ where: { projectId, deletedAt: null } });
    if (used > 0) return {};
    try {
      await this.runtime.networks.ensureAbsent(networkName(projectId), await this.releases.owner());
    } catch (error) {
      // Another service of the project is still being removed: the last one takes the network away.
      if (!(error instanceof Conflict)) throw error;
    }
    return {};
  }

  private async removeVolume(_ctx: StepContext, volume: string): Promise<Record<string, never>> {
    return done(this.runtime.volumes.ensureAbsent(volumeName(volume), await this.releases.owner()));
  }
}

async function planDelete(tx: Tx, run: RunRef): Promise<Plan> {
  const service = await tx.service.findUniqueOrThrow({ where: { id: run.subjectId } });
  const self = { service: service.id };
  return [
    step('route.remove', self),
    step('service.remove', self),
    step('images.remove', self),
    step('source.remove', self),
    step('network.release', { project: service.projectId }),
  ];
}

async function removedService(tx: Tx, run: RunRef, outcome: Outcome): Promise<void> {
  const { id, projectId } = await tx.service.findUniqueOrThrow({ where: { id: run.subjectId } });
  await recordAudit(tx, null, {
    resource: 'service',
    resourceId: id,
    action: 'removed',
    projectId,
    after: { outcome },
  });
}

async function removedVolume(tx: Tx, run: RunRef, outcome: Outcome): Promise<void> {
  const { id, projectId } = await tx.volume.findUniqueOrThrow({ where: { id: run.subjectId } });
  await recordAudit(tx, null, { resource: 'volume', resourceId: id, action: 'removed', projectId, after: { outcome } });
}

async function done(work: Promise<unknown>): Promise<Record<string, never>> {
  await work;
  return {};
}
