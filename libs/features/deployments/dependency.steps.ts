/**
 * Waiting for the deployments that were made in the same moment as this one and that it needs: a template's database before its web part.
 * They have older runs, and workers claim the oldest run first, so what is waited for always has, or had, a slot of its own.
 */
import { Injectable } from '@nestjs/common';
import { Invalid } from '#platform/errors.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { pause } from '#workflows/attempt.js';
import { type StepKind, stepKind } from '#workflows/workflow.js';
import { OPEN } from './deployments.state.js';

type Params = { deployment: string; after: string[] };

/** Longer than a pull or a build and the longest health check together. */
const DEADLINE_MS = 2 * 60 * 60_000;
const LOOK_MS = 250;

@Injectable()
export class DependencySteps {
  constructor(private readonly db: PrismaService) {}

  kinds(): StepKind[] {
    return [
      stepKind<Params, Record<string, never>>({
        kind: 'dependencies.await',
        deadlineMs: DEADLINE_MS,
        do: async (ctx, params) => {
          while (!(await this.live(params.after))) await pause(LOOK_MS, ctx.signal);
          return {};
        },
      }),
    ];
  }

  /** @throws Invalid `dependency_failed`. One that was live and is superseded by now has done its part. */
  private async live(deployments: string[]): Promise<boolean> {
    const rows = await this.db.deployment.findMany({
      where: { id: { in: deployments } },
      select: { status: true, service: { select: { name: true } } },
    });
    const lost = rows.find(({ status }) => status === 'failed' || status === 'cancelled');
    if (lost) throw dependencyFailed(lost.service.name, lost.status);
    return rows.every(({ status }) => !OPEN.some((open) => open === status));
  }
}

function dependencyFailed(service: string, status: string): Invalid {
  return new Invalid(
    'dependency_failed',
    `This service starts after "${service}", whose deployment ${status === 'failed' ? 'failed' : 'was cancelled'}: deploy "${service}", then this one.`,
  );
}
