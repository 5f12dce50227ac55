/** Start, stop and restart of a service. Asking for what is already so is fine. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { serviceActionResponse } from '#contracts/services.js';
import { recordAudit } from '#features/audit/index.js';
import { recordDeploymentEvents } from '#features/events/index.js';
import { SERVICE_STOP } from '#features/releases/index.js';
import { lockService, refreshServiceStatus, requireService, serviceLock } from '#features/services/index.js';
import type { Caller } from '#platform/http/index.js';
import { databaseTime, PrismaService, repeatOnDeadlock, type Tx } from '#platform/prisma/prisma.service.js';
import { RunQueue } from '#workflows/run-queue.js';
import { cancelRuns, createRun } from '#workflows/runs.queries.js';
import { DeploymentsService } from './deployments.service.js';

type Answer = z.output<typeof serviceActionResponse>;

@Injectable()
export class DeploymentActions {
  constructor(
    private readonly db: PrismaService,
    private readonly deployments: DeploymentsService,
    private readonly queue: RunQueue,
  ) {}

  async act(caller: Caller, serviceId: string, action: 'start' | 'stop' | 'restart'): Promise<Answer> {
    if (action === 'stop') return this.stop(caller, serviceId);
    const service = await requireService(this.db, caller, serviceId);
    if (action === 'start' && service.desiredState === 'running' && service.liveDeploymentId) {
      return {
        message: 'The service is already running.',
        status: service.status,
        deployment_id: service.liveDeploymentId,
      };
    }
    const deployment = await this.deployments.restart(caller, serviceId, action);
    return {
      message: `The service is being ${action === 'start' ? 'started' : 'restarted'}.`,
      status: service.status,
      deployment_id: deployment.id,
    };
  }

  /** Also ends a deployment under way: the user wants nothing to run. */
  private async stop(caller: Caller, serviceId: string): Promise<Answer> {
    const runId = randomUUID();
    const lockKey = serviceLock(serviceId);
    const stop = async (tx: Tx) => {
      const { projectId } = await requireService(tx, caller, serviceId);
      await lockService(tx, serviceId);
      await cancelOpen(tx, lockKey);
      await tx.service.update({ where: { id: serviceId }, data: { desiredState: 'stopped' } });
      await createRun(tx, { id: runId, workflow: SERVICE_STOP, subjectId: serviceId, lockKey });
      await refreshServiceStatus(tx, serviceId);
      const { status } = await requireService(tx, caller, serviceId);
      await recordAudit(tx, caller, { resource: 'service', resourceId: serviceId, action: 'stop', projectId });
      return status;
    };
    const status = await repeatOnDeadlock(() => this.db.$transaction(stop));
    this.queue.nudge(runId);
    return {
      message: 'The service is being stopped; its data and its last release are kept.',
      status,
      deployment_id: null,
    };
  }
}

async function cancelOpen(tx: Tx, lockKey: string): Promise<void> {
  const ended = await cancelRuns(tx, { lockKey });
  const cancelled = await tx.deployment.updateManyAndReturn({
    select: { id: true },
    where: { id: { in: ended }, status: 'pending' },
    data: {
      status: 'cancelled',
      completedAt: await databaseTime(tx),
      error: 'Cancelled: the service was stopped.',
      errorCode: 'cancelled',
    },
  });
  await recordDeploymentEvents(
    tx,
    cancelled.map(({ id }) => id),
    'cancelled',
  );
}
