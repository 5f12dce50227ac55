/** Steps that only touch containers: used by deployments and by stopping a service. */
import { Injectable } from '@nestjs/common';
import { type StepContext, type StepKind, stepKind } from '#workflows/workflow.js';
import { Releases } from './releases.js';

type DrainParams = { names: string[]; port: number; within: number };
type RetireParams = { names: string[]; grace: number };

/** Removing many replicas with a long grace period takes that long, not longer. */
const SLACK_MS = 120_000;

@Injectable()
export class ReleaseSteps {
  constructor(private readonly releases: Releases) {}

  kinds(): StepKind[] {
    return [
      stepKind<DrainParams, { left: number }>({
        kind: 'release.drain',
        forwardOnly: true,
        deadlineMs: (params) => params.within * 1000 + SLACK_MS,
        do: (ctx, params) => this.drain(ctx, params),
      }),
      stepKind<RetireParams, Record<string, never>>({
        kind: 'release.retire',
        forwardOnly: true,
        deadlineMs: (params) => params.grace * 1000 + SLACK_MS,
        do: async (_ctx, { names, grace }) => {
          await this.releases.remove(names, grace);
          return {};
        },
      }),
    ];
  }

  private async drain(ctx: StepContext, { names, port, within }: DrainParams): Promise<{ left: number }> {
    const upstreams = await this.releases.upstreams(names, port);
    return { left: await this.releases.drain(upstreams, within * 1000, ctx.signal) };
  }
}
