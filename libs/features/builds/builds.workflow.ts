/** The build workflow: how its plan is made when its turn comes, and what its end means. */
import { Injectable } from '@nestjs/common';
import { deploymentTopic } from '#features/logs/index.js';
import { Bus } from '#platform/bus.js';
import { SecretBox } from '#platform/secrets.js';
import type { Workflow } from '#workflows/workflow.js';
import { openRequest } from './build-request.js';
import { SLOTS_TOPIC } from './build-slots.js';
import { planBuild } from './builds.plan.js';
import { endBuild, moveBuild } from './builds.state.js';

export const BUILD = 'build';

@Injectable()
export class BuildWorkflow {
  constructor(
    private readonly box: SecretBox,
    private readonly bus: Bus,
  ) {}

  workflow(): Workflow {
    return {
      name: BUILD,
      plan: async (tx, run) => {
        const row = await tx.build.findUniqueOrThrow({ where: { id: run.subjectId } });
        return planBuild(row.id, openRequest(this.box, row));
      },
      finished: async (tx, run, outcome, failure) => {
        if (outcome === 'succeeded') await moveBuild(tx, run.subjectId, 'success', { completedAt: new Date() });
        else await endBuild(tx, run.subjectId, outcome, failure);
      },
      changed: (run) => {
        this.bus.publish(deploymentTopic(run.subjectId));
        this.bus.publish(SLOTS_TOPIC);
      },
    };
  }
}
