/** Lists and details of deployments. */
import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { DeploymentView, deploymentListQuery } from '#contracts/deployments.js';
import { reportOf } from '#features/deployment-reports/index.js';
import { DeploymentLogs } from '#features/logs/index.js';
import { requireService } from '#features/services/index.js';
import { afterCursor, type Caller } from '#platform/http/index.js';
import { pageOf } from '#platform/keyset.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { DeploymentsService } from './deployments.service.js';
import { deploymentView, stepViews } from './deployments.view.js';
import { DEPLOYMENT } from './deployments.workflow.js';

const BUILD_LINES = 2000;
const RUNTIME_LINES = 100;

@Injectable()
export class DeploymentsReader {
  constructor(
    private readonly db: PrismaService,
    private readonly deployments: DeploymentsService,
    private readonly logs: DeploymentLogs,
  ) {}

  /** Newest first, by keyset: any page costs the same. */
  async list(caller: Caller, serviceId: string, query: z.output<typeof deploymentListQuery>) {
    await requireService(this.db, caller, serviceId);
    const rows = await this.db.deployment.findMany({
      where: { serviceId, ...(query.status ? { status: query.status } : {}), ...afterCursor(query.cursor) },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: query.limit + 1,
      omit: { config: true },
    });
    const { page, next } = pageOf(rows, query.limit);
    return { deployments: page.map(deploymentView), next_cursor: next };
  }

  async detail(caller: Caller, id: string): Promise<DeploymentView> {
    const row = await this.deployments.require(caller, id);
    const [steps, report, buildLog, runtimeLog] = await Promise.all([
      this.db.runStep.findMany({
        where: { run: { subjectId: id, workflow: DEPLOYMENT } },
        orderBy: { position: 'asc' },
      }),
      reportOf(this.db, id),
      this.logs.buildText(id, BUILD_LINES),
      this.logs.runtimeText(row, RUNTIME_LINES),
    ]);
    return { ...deploymentView(row), steps: stepViews(steps), report, build_log: buildLog, runtime_log: runtimeLog };
  }
}
