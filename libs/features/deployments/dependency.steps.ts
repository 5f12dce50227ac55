/**
 * Waiting for the deployments and databases that were made in the same moment as this one and that it needs: a template's database before its
 * web part. They have older runs, and workers claim the oldest run first, so what is waited for always has, or had, a slot of its own.
 */
import { Injectable } from '@nestjs/common';
import { Invalid } from '#platform/errors.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { pause } from '#workflows/attempt.js';
import { type StepKind, stepKind } from '#workflows/workflow.js';
import { OPEN } from './deployments.state.js';

/** `runs`: those that bring up the databases. Not their status: a change that is asked for meanwhile has a younger run. */
type Params = { deployment: string; after: string[]; runs?: string[] };

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
          while (!(await this.up(params.runs ?? []))) await pause(LOOK_MS, ctx.signal);
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

  /** @throws Invalid `dependency_failed`. A database that was up once and is stopped by now has done its part. */
  private async up(runs: string[]): Promise<boolean> {
    if (runs.length === 0) return true;
    const rows = await this.db.run.findMany({ where: { id: { in: runs } } });
    const lost = rows.find(({ status }) => LOST.includes(status));
    if (lost) throw databaseFailed(await this.db.database.findUniqueOrThrow({ where: { id: lost.subjectId } }));
    return rows.every(({ status }) => status === 'succeeded');
  }
}

/** Ends of a run that brought up nothing. */
const LOST = ['failed', 'cancelled', 'superseded'];

function databaseFailed({ name, deletedAt }: { name: string; deletedAt: Date | null }): Invalid {
  const why = deletedAt ? 'was deleted' : 'could not be started';
  const message = `This service starts after the database "${name}", which ${why}: deploy this service when the database is running.`;
  return new Invalid('dependency_failed', message);
}

function dependencyFailed(service: string, status: string): Invalid {
  return new Invalid(
    'dependency_failed',
    `This service starts after "${service}", whose deployment ${status === 'failed' ? 'failed' : 'was cancelled'}: deploy "${service}", then this one.`,
  );
}
