/** One execution of a cron service: a container that runs once, its exit code and its last lines of output kept. */
import { Inject, Injectable } from '@nestjs/common';
import type { ContainerRuntime, Handle } from '#drivers/runtime/port.js';
import { RUNTIME } from '#drivers/tokens.js';
import {
  openConfig,
  ProjectSecrets,
  portOf,
  type ReleaseConfig,
  Releases,
  workloadSpec,
} from '#features/releases/index.js';
import { Invalid } from '#platform/errors.js';
import { databaseTime, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { redactor, SecretBox } from '#platform/secrets.js';
import { type Outcome, type Plan, step } from '#workflows/plan.js';
import {
  type RunFailure,
  type RunRef,
  type StepContext,
  type StepKind,
  stepKind,
  type Workflow,
} from '#workflows/workflow.js';
import { EXECUTION } from './executions.schedule.js';

type JobParams = { execution: string; deployment: string; name: string };
type AwaitParams = JobParams & { within: number };
type Started = { id: string; name: string };
type Ended = { exitCode: number; output: string };

const START_DEADLINE_MS = 3 * 60_000;
const OUTPUT_LINES = 200;
const OUTPUT_LENGTH = 100_000;

@Injectable()
export class ExecutionWorkflow {
  constructor(
    private readonly db: PrismaService,
    private readonly box: SecretBox,
    private readonly releases: Releases,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    private readonly secrets: ProjectSecrets,
  ) {}

  workflow(): Workflow {
    return { name: EXECUTION, plan: (tx, run) => this.plan(tx, run), finished };
  }

  kinds(): StepKind[] {
    return [
      stepKind<JobParams, Started>({
        kind: 'job.start',
        deadlineMs: START_DEADLINE_MS,
        begin: markRunning,
        do: (ctx, params) => this.start(ctx, params),
        undo: async (_ctx, params) => this.releases.remove([params.name], 0),
      }),
      stepKind<AwaitParams, Ended>({
        kind: 'job.await',
        deadlineMs: (params) => params.within * 1000 + 60_000,
        do: (ctx, params) => this.await(ctx, params),
        commit: keepResult,
      }),
      stepKind<JobParams, Record<string, never>>({
        kind: 'job.remove',
        forwardOnly: true,
        deadlineMs: START_DEADLINE_MS,
        do: async (_ctx, params) => {
          await this.releases.remove([params.name], 0);
          return {};
        },
      }),
    ];
  }

  private async plan(tx: Tx, run: RunRef): Promise<Plan> {
    const execution = await tx.execution.findUniqueOrThrow({ where: { id: run.subjectId } });
    const config = await this.config(tx, execution.deploymentId as string);
    const params = {
      execution: execution.id,
      deployment: execution.deploymentId,
      name: `${config.alias}-job-${execution.id.slice(-12)}`,
    };
    return [
      step('job.start', params),
      step('job.await', { ...params, within: config.settings.execution_timeout }),
      step('job.remove', params),
    ];
  }

  private async config(db: Tx, deploymentId: string): Promise<ReleaseConfig> {
    return openConfig(this.box, await db.deployment.findUniqueOrThrow({ where: { id: deploymentId } }));
  }

  private async start(ctx: StepContext, params: JobParams): Promise<Started> {
    const owner = await this.releases.owner();
    const existing = await this.runtime.find(params.name, owner);
    // Started before a crash of ours, perhaps finished by now: starting it again would run the job twice.
    if (existing?.startedAt) return { id: existing.id, name: existing.name };
    const row = await this.db.deployment.findUniqueOrThrow({ where: { id: params.deployment } });
    const config = openConfig(this.box, row);
    const image = await this.releases.requireImage(row.imageId ?? '');
    await this.releases.prepare(config, owner);
    const who = {
      ...owner,
      deploymentId: row.id,
      commit: row.commitHash,
      image: image.id,
      port: portOf(config, image.exposedPorts),
    };
    return this.runtime.ensureRunning(workloadSpec(config, who, 'job', params.name, 0), ctx.signal);
  }

  private async await(ctx: StepContext, params: AwaitParams): Promise<Ended> {
    const handle = ctx.output<Started>('job.start');
    const limit = AbortSignal.timeout(params.within * 1000);
    try {
      const exitCode = await this.runtime.wait(handle, AbortSignal.any([ctx.signal, limit]));
      return { exitCode, output: await this.tail(handle, params.deployment) };
    } catch (error) {
      if (!limit.aborted || ctx.signal.aborted) throw error;
      const output = await this.tail(handle, params.deployment);
      throw new Invalid(
        'execution_timeout',
        `The job did not end within ${params.within} seconds and was stopped. Its last output:\n${output}`,
      );
    }
  }

  private async tail(handle: Handle, deployment: string): Promise<string> {
    const redact = redactor(await this.secrets.ofDeployment(deployment));
    const lines: string[] = [];
    for await (const batch of this.runtime.logs(
      handle,
      { tail: OUTPUT_LINES, follow: false },
      AbortSignal.timeout(10_000),
    )) {
      lines.push(...batch.map((line) => line.message));
    }
    return redact(lines.slice(-OUTPUT_LINES).join('\n')).replaceAll('\0', '').slice(-OUTPUT_LENGTH);
  }
}

async function markRunning(tx: Tx, _run: RunRef, params: JobParams): Promise<void> {
  await tx.execution.updateMany({
    where: { id: params.execution, status: 'pending' },
    data: { status: 'running', startedAt: await databaseTime(tx) },
  });
}

async function keepResult(tx: Tx, _run: RunRef, params: JobParams, { exitCode, output }: Ended): Promise<void> {
  const status = exitCode === 0 ? 'succeeded' : 'failed';
  const error = exitCode === 0 ? null : `The job ended with exit code ${exitCode}.`;
  await tx.execution.update({
    where: { id: params.execution },
    data: { status, exitCode, output, error, completedAt: await databaseTime(tx) },
  });
}

async function finished(tx: Tx, run: RunRef, outcome: Outcome, failure: RunFailure | null): Promise<void> {
  if (outcome === 'succeeded') return;
  const status = outcome === 'cancelled' ? 'cancelled' : 'failed';
  const data = { status, error: failure?.message ?? null, completedAt: await databaseTime(tx) };
  await tx.execution.updateMany({ where: { id: run.subjectId, status: { in: ['pending', 'running'] } }, data });
}
