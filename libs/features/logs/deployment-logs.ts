/** The log of one deployment: how its image came about, and what its containers write. */
import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { deploymentLogs, deploymentLogsQuery, LogEntry } from '#contracts/deployments.js';
import { requireService } from '#features/services/index.js';
import { Unavailable } from '#platform/errors.js';
import { type Caller, notFound, notFoundAs } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { BuildLines, buildEntry } from './build-lines.js';
import { inTime, LogContainers } from './containers.js';
import { type ReplicaLine, runtimeEntry } from './frames.js';
import { capped, RuntimeLogs, type Tail, tailOf } from './runtime-logs.js';

export type DeploymentLogsQuery = z.output<typeof deploymentLogsQuery>;

/** The part of a deployment's row that says where its logs are. */
export interface LoggedDeployment {
  id: string;
  serviceId: string;
  status: string;
}

/** Before, there are no containers; afterwards they are gone, except while an old release drains. */
const MAY_RUN = new Set(['deploying', 'running', 'superseded']);
/** A deployment's page does not wait for an engine that hangs. */
const VIEW_MS = 2000;

@Injectable()
export class DeploymentLogs {
  constructor(
    private readonly db: PrismaService,
    private readonly build: BuildLines,
    private readonly containers: LogContainers,
    private readonly runtime: RuntimeLogs,
  ) {}

  /** @throws NotFound when it does not exist or belongs to somebody else. */
  async require(caller: Caller, id: string) {
    const row = await this.db.deployment.findUnique({
      where: { id },
      select: { id: true, serviceId: true, status: true },
    });
    if (!row) throw notFound('deployment');
    const service = await requireService(this.db, caller, row.serviceId).catch(notFoundAs('deployment'));
    return { ...row, service };
  }

  /** @throws Unavailable `runtime_unavailable` when output is asked for and the engine does not answer. */
  async read(caller: Caller, id: string, query: DeploymentLogsQuery): Promise<z.output<typeof deploymentLogs>> {
    const deployment = await this.require(caller, id);
    const tail = tailOf(query.tail);
    const [built, ran] = await Promise.all([
      query.type === 'runtime' ? null : this.build.last(id, capped(tail)),
      query.type === 'build' ? null : this.runtimeLines(deployment, tail),
    ]);
    const entries: LogEntry[] = [...(built ?? []).map(buildEntry), ...(ran ?? []).map(runtimeEntry)];
    return {
      // Not slice(-0): that would be everything.
      logs: entries.slice(Math.max(0, entries.length - capped(tail))),
      ...(built ? { build_log: textOf(built) } : {}),
      ...(ran ? { runtime_log: textOf(ran) } : {}),
    };
  }

  /** The last `limit` lines as text, '' when there are none. */
  async buildText(deploymentId: string, limit: number): Promise<string> {
    return textOf(await this.build.last(deploymentId, limit));
  }

  /** The last `limit` lines as text; '' when the containers are gone or the engine does not answer. */
  async runtimeText(deployment: LoggedDeployment, limit: number): Promise<string> {
    try {
      return textOf(await inTime(this.runtimeLines(deployment, limit), VIEW_MS));
    } catch (error) {
      if (error instanceof Unavailable) return '';
      throw error;
    }
  }

  private async runtimeLines({ id, serviceId, status }: LoggedDeployment, tail: Tail): Promise<ReplicaLine[]> {
    if (!MAY_RUN.has(status)) return [];
    return this.runtime.last(await this.containers.ofDeployment(serviceId, id), tail);
  }
}

function textOf(lines: { message: string }[]): string {
  return lines.map(({ message }) => message).join('\n');
}
