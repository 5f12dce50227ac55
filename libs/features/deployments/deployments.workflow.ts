/** The deployment workflow: how its plan is made when its turn comes, and what its end means. */
import { Injectable } from '@nestjs/common';
import { endBuild, SLOTS_TOPIC } from '#features/builds/index.js';
import { deploymentTopic } from '#features/logs/index.js';
import { liveRelease, openConfig, serviceTopic } from '#features/releases/index.js';
import { refreshServiceStatus } from '#features/services/index.js';
import { Bus } from '#platform/bus.js';
import { databaseTime, type Tx } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import type { Outcome, Plan } from '#workflows/plan.js';
import type { RunFailure, RunRef, Workflow } from '#workflows/workflow.js';
import { type Have, planDeployment } from './deployments.plan.js';
import { moveDeployment } from './deployments.state.js';

export const DEPLOYMENT = 'deployment';

@Injectable()
export class DeploymentWorkflow {
  constructor(
    private readonly box: SecretBox,
    private readonly bus: Bus,
  ) {}

  workflow(): Workflow {
    return {
      name: DEPLOYMENT,
      plan: (tx, run) => this.plan(tx, run),
      finished: (tx, run, outcome, failure) => finished(tx, run, outcome, failure),
      changed: (run) => {
        this.bus.publish(deploymentTopic(run.subjectId));
        this.bus.publish(SLOTS_TOPIC);
        this.bus.publish(serviceTopic(run.lockKey.slice('service:'.length)));
      },
    };
  }

  private async plan(tx: Tx, run: RunRef): Promise<Plan> {
    const row = await tx.deployment.update({
      where: { id: run.subjectId },
      data: { startedAt: await databaseTime(tx) },
    });
    const config = openConfig(this.box, row);
    const live = await liveRelease(tx, this.box, row.serviceId);
    const have: Have | null = live && {
      deploymentId: live.deploymentId,
      names: live.names,
      port: live.port,
      drainSeconds: live.config.settings.drain_timeout,
      graceSeconds: live.config.settings.stop_grace_period,
    };
    return planDeployment(
      { deploymentId: row.id, config, branch: row.branch, commit: row.commitHash, image: row.imageId },
      have,
    );
  }
}

async function finished(tx: Tx, run: RunRef, outcome: Outcome, failure: RunFailure | null): Promise<void> {
  if (outcome !== 'succeeded') {
    await endBuild(tx, run.subjectId, outcome, failure);
    const status = outcome === 'cancelled' ? 'cancelled' : 'failed';
    const why = failure ?? { code: 'internal', message: 'Unknown failure.' };
    await moveDeployment(tx, run.subjectId, status, {
      completedAt: await databaseTime(tx),
      error: why.message,
      errorCode: why.code,
    });
  }
  const row = await tx.deployment.findUnique({ where: { id: run.subjectId }, select: { serviceId: true } });
  if (row) await refreshServiceStatus(tx, row.serviceId);
}
