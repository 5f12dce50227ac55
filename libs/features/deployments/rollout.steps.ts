/** Steps that make an image the live release: started, proven, routed. Taking them back leaves the old release as it was. */
import { Injectable } from '@nestjs/common';
import { recordDeploymentEvents } from '#features/events/index.js';
import { liveRelease, type ReleaseRef, Releases, Routes } from '#features/releases/index.js';
import { refreshServiceStatus } from '#features/services/index.js';
import { Internal } from '#platform/errors.js';
import { databaseTime, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { type RunRef, type StepContext, type StepKind, stepKind } from '#workflows/workflow.js';
import { DeploymentRecords } from './deployment-records.js';
import { moveDeployment } from './deployments.state.js';

type OfDeployment = { deployment: string };
type StartParams = OfDeployment & { names: string[] };
type SwitchParams = OfDeployment & { back: string | null };
type Nothing = Record<string, never>;

/** Creating containers includes waiting for an engine that is just restarting. */
const START_DEADLINE_MS = 3 * 60_000;
const SWITCH_DEADLINE_MS = 60_000;

@Injectable()
export class RolloutSteps {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly releases: Releases,
    private readonly routes: Routes,
    private readonly records: DeploymentRecords,
  ) {}

  kinds(): StepKind[] {
    return [
      stepKind<StartParams, { port: number }>({
        kind: 'release.start',
        deadlineMs: START_DEADLINE_MS,
        begin: deploying,
        do: (ctx, params) => this.start(ctx, params),
        commit: keepPort,
        undo: (_ctx, params) => this.releases.remove(params.names, 0),
      }),
      stepKind<OfDeployment & { within: number }, { upstreams: string[] }>({
        kind: 'release.await',
        deadlineMs: (params) => params.within * 1000 + 60_000,
        do: (ctx, params) => this.await(ctx, params),
      }),
      stepKind<SwitchParams, Nothing>({
        kind: 'route.switch',
        deadlineMs: SWITCH_DEADLINE_MS,
        do: (ctx, params) => this.switch(ctx, params),
        commit: makeLive,
        undo: (_ctx, params) => this.switchBack(params),
      }),
      stepKind<OfDeployment, Nothing>({
        kind: 'release.activate',
        deadlineMs: SWITCH_DEADLINE_MS,
        begin: deploying,
        do: async () => ({}),
        commit: makeLive,
      }),
    ];
  }

  private async release(deploymentId: string): Promise<ReleaseRef> {
    const { id, commitHash, imageId, config } = await this.records.load(deploymentId);
    if (!imageId) throw new Internal('image_unknown', 'The deployment has no image: this is a bug.');
    return { deploymentId: id, commit: commitHash, image: imageId, config };
  }

  private async start(ctx: StepContext, params: StartParams): Promise<{ port: number }> {
    return { port: await this.releases.start(await this.release(params.deployment), ctx.signal) };
  }

  private async await(ctx: StepContext, params: OfDeployment): Promise<{ upstreams: string[] }> {
    const { port } = ctx.output<{ port: number }>('release.start');
    return { upstreams: await this.releases.await(await this.release(params.deployment), port, ctx.signal) };
  }

  /** To the addresses that were just proven. Should one change before this (the engine restarts), the reconciler points the route again. */
  private async switch(ctx: StepContext, params: SwitchParams): Promise<Nothing> {
    const service = await this.service(params);
    const { upstreams } = ctx.output<{ upstreams: string[] }>('release.await');
    await this.routes.point(service, upstreams);
    return {};
  }

  private async switchBack(params: SwitchParams): Promise<void> {
    const service = await this.service(params);
    const live = await liveRelease(this.db, this.box, service.id);
    if (!live) return this.routes.remove(service.id);
    const running = live.service.desiredState === 'running' && live.port;
    await this.routes.point(service, running ? await this.releases.upstreams(live.names, live.port as number) : []);
  }

  private async service(params: OfDeployment) {
    const { service } = await this.db.deployment.findUniqueOrThrow({
      where: { id: params.deployment },
      include: { service: true },
    });
    return service;
  }
}

const deploying = (tx: Tx, _run: RunRef, params: OfDeployment) => moveDeployment(tx, params.deployment, 'deploying');

async function keepPort(tx: Tx, _run: RunRef, params: OfDeployment, output: { port: number }): Promise<void> {
  await tx.deployment.update({ where: { id: params.deployment }, data: { port: output.port } });
}

/** The new one is live and the old one is not, in the same instant. */
async function makeLive(tx: Tx, _run: RunRef, params: OfDeployment): Promise<void> {
  const { serviceId } = await tx.deployment.findUniqueOrThrow({
    where: { id: params.deployment },
    select: { serviceId: true },
  });
  const before = await tx.deployment.updateManyAndReturn({
    where: { serviceId, status: 'running', id: { not: params.deployment } },
    data: { status: 'superseded' },
    select: { id: true },
  });
  await recordDeploymentEvents(
    tx,
    before.map(({ id }) => id),
    'superseded',
  );
  await moveDeployment(tx, params.deployment, 'running', { completedAt: await databaseTime(tx) });
  await tx.service.update({
    where: { id: serviceId },
    data: { liveDeploymentId: params.deployment, desiredState: 'running' },
  });
  await refreshServiceStatus(tx, serviceId);
}
