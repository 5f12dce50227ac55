/**
 * Puts right what drifted for one service: missing or stopped containers are started again, others removed, the route pointed to what runs.
 * A run like any other, so it never works at the same time as a deployment, and the history says what happened.
 */
import { Inject, Injectable } from '@nestjs/common';
import type { ContainerRuntime } from '#drivers/runtime/port.js';
import { RUNTIME } from '#drivers/tokens.js';
import { Bus } from '#platform/bus.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { step } from '#workflows/plan.js';
import { type StepContext, type StepKind, stepKind, type Workflow } from '#workflows/workflow.js';
import { HEAL } from './reconciler.js';
import { Releases } from './releases.js';
import { type LiveRelease, liveRelease, serviceTopic } from './releases.queries.js';

type OfService = { service: string };
type Nothing = Record<string, never>;
const DEADLINE_MS = 10 * 60_000;

@Injectable()
export class HealWorkflow {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly releases: Releases,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    private readonly bus: Bus,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  workflow(): Workflow {
    return {
      name: HEAL,
      plan: async (_tx, run) =>
        ['heal.route', 'heal.containers', 'heal.route', 'heal.rest'].map((kind) =>
          step(kind, { service: run.subjectId }),
        ),
      finished: async (_tx, run, outcome, failure) =>
        this.log.info({ service: run.subjectId, outcome, failure }, 'drift healed'),
      changed: (run) => this.bus.publish(serviceTopic(run.subjectId)),
    };
  }

  kinds(): StepKind[] {
    const forward = { forwardOnly: true, deadlineMs: DEADLINE_MS };
    return [
      stepKind<OfService, Nothing>({
        ...forward,
        kind: 'heal.containers',
        do: (ctx, p) => this.containers(ctx, p.service),
      }),
      stepKind<OfService, Nothing>({ ...forward, kind: 'heal.rest', do: (_ctx, p) => this.rest(p.service) }),
    ];
  }

  private wanted(serviceId: string): Promise<LiveRelease | null> {
    return liveRelease(this.db, this.box, serviceId);
  }

  private async containers(ctx: StepContext, serviceId: string): Promise<Nothing> {
    const live = await this.wanted(serviceId);
    if (live?.service.desiredState !== 'running' || live.names.length === 0) return {};
    const port = await this.releases.start(live, ctx.signal);
    await this.releases.await(live, port, ctx.signal);
    return {};
  }

  private async rest(serviceId: string): Promise<Nothing> {
    const live = await this.wanted(serviceId);
    const running = live?.service.desiredState === 'running';
    await this.releases.removeOthers(serviceId, running ? live.names : []);
    if (await this.db.service.count({ where: { id: serviceId, deletedAt: null } })) return {};
    const all = await this.runtime.observe(await this.releases.owner(), { service: serviceId });
    await this.releases.remove(all.map((workload) => workload.name));
    return {};
  }
}
