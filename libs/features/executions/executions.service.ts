/** History of a cron service, and running it now. */
import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { execution, executionListQuery } from '#contracts/deployments.js';
import { recordAudit } from '#features/audit/index.js';
import { lockService, requireService } from '#features/services/index.js';
import { Conflict } from '#platform/errors.js';
import { afterCursor, type Caller } from '#platform/http/index.js';
import { pageOf } from '#platform/keyset.js';
import { databaseTime, type Prisma, PrismaService } from '#platform/prisma/prisma.service.js';
import { RunQueue } from '#workflows/run-queue.js';
import { startExecution } from './executions.schedule.js';

export type ExecutionView = z.output<typeof execution>;

@Injectable()
export class ExecutionsService {
  constructor(
    private readonly db: PrismaService,
    private readonly queue: RunQueue,
  ) {}

  async list(caller: Caller, serviceId: string, query: z.output<typeof executionListQuery>) {
    await requireService(this.db, caller, serviceId);
    const rows = await this.db.execution.findMany({
      where: { serviceId, ...afterCursor(query.cursor) },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: query.limit + 1,
    });
    const { page, next } = pageOf(rows, query.limit);
    return { executions: page.map(executionView), next_cursor: next };
  }

  /** @throws Conflict `not_a_cron_service`, `nothing_deployed`, `execution_running`. */
  async run(caller: Caller, serviceId: string): Promise<ExecutionView> {
    const { row: started, runId } = await this.db.$transaction(async (tx) => {
      await requireService(tx, caller, serviceId);
      await lockService(tx, serviceId);
      const service = await requireService(tx, caller, serviceId);
      if (service.type !== 'cron')
        throw new Conflict('not_a_cron_service', 'Only services of type cron have executions.');
      if (!service.liveDeploymentId)
        throw new Conflict('nothing_deployed', 'Nothing has been deployed yet: create a deployment first.');
      const scheduledFor = await databaseTime(tx);
      const id = await startExecution(tx, {
        serviceId,
        deploymentId: service.liveDeploymentId,
        trigger: 'manual',
        scheduledFor,
      });
      if (!id)
        throw new Conflict('execution_running', 'An execution of this service is still running: wait for its end.');
      const row = await tx.execution.findFirstOrThrow({ where: { serviceId, scheduledFor } });
      const audit = { resource: 'execution', resourceId: row.id, action: 'create', projectId: service.projectId };
      await recordAudit(tx, caller, { ...audit, after: { service_id: serviceId } });
      return { row, runId: id };
    });
    this.queue.nudge(runId);
    return executionView(started);
  }
}

function executionView(row: Prisma.ExecutionGetPayload<object>): ExecutionView {
  return {
    id: row.id,
    service_id: row.serviceId,
    deployment_id: row.deploymentId,
    trigger: row.trigger as ExecutionView['trigger'],
    scheduled_for: row.scheduledFor.toISOString(),
    status: row.status as ExecutionView['status'],
    exit_code: row.exitCode,
    error: row.error,
    output: row.output,
    started_at: row.startedAt?.toISOString() ?? null,
    completed_at: row.completedAt?.toISOString() ?? null,
    created_at: row.createdAt.toISOString(),
  };
}
