/** The log of one deployment: how its image came about, and what its containers write. */
import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { deploymentLogs, deploymentLogsQuery, LogEntry } from '#contracts/deployments.js';
import { requireService } from '#features/services/index.js';
import { Unavailable } from '#platform/errors.js';
import { type Caller, notFound, notFoundAs } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { ArchivedLogs, type Past } from './archived-logs.js';
import { BuildLines, buildEntry } from './build-lines.js';
import { ENGINE_MS, inTime, LogContainers } from './containers.js';
import { runtimeEntry } from './frames.js';
import { filterOf, type LineFilter, NO_FILTER } from './line-filter.js';
import { capped, type Found, RuntimeLogs, type Tail, tailOf } from './runtime-logs.js';

export type DeploymentLogsQuery = z.output<typeof deploymentLogsQuery>;

/** The part of a deployment's row that says where its logs are. */
export interface LoggedDeployment {
  id: string;
  serviceId: string;
  status: string;
}

const NO_ENGINE =
  'The Docker Engine that runs this service does not answer: what its containers have written is not available right now.';
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
    private readonly archived: ArchivedLogs,
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

  /** @throws Unavailable `runtime_unavailable` when only output is asked for and the engine does not answer. */
  async read(caller: Caller, id: string, query: DeploymentLogsQuery): Promise<z.output<typeof deploymentLogs>> {
    const deployment = await this.require(caller, id);
    const [filter, tail] = [filterOf(query), tailOf(query.tail)];
    const [built, ran] = await Promise.all([
      query.type === 'runtime' ? null : this.build.last(id, capped(tail), filter),
      query.type === 'build' ? null : this.output(deployment, tail, filter, query.type === 'all'),
    ]);
    const entries: LogEntry[] = [...(built ?? []).map(buildEntry), ...(ran?.lines ?? []).map(runtimeEntry)];
    return {
      // Not slice(-0): that would be everything.
      logs: entries.slice(Math.max(0, entries.length - capped(tail))),
      ...(built ? { build_log: textOf(built) } : {}),
      ...(ran ? { runtime_log: textOf(ran.lines) } : {}),
      ...(ran?.missing ? { message: ran.missing } : {}),
      ...(ran?.partial ? { partial: true } : {}),
    };
  }

  /** The last `limit` lines as text, '' when there are none. */
  async buildText(deploymentId: string, limit: number): Promise<string> {
    return textOf(await this.build.last(deploymentId, limit));
  }

  /** The last `limit` lines as text; without those of containers when the engine does not answer. */
  async runtimeText(deployment: LoggedDeployment, limit: number): Promise<string> {
    return textOf((await this.output(deployment, limit, NO_FILTER, true, VIEW_MS)).lines);
  }

  /** @param anyway without an engine: what is kept of containers that are gone, and why there is no more. */
  private async output(
    deployment: LoggedDeployment,
    tail: Tail,
    filter: LineFilter,
    anyway: boolean,
    ms = ENGINE_MS,
  ): Promise<Found & { missing?: string }> {
    const past = () => this.archived.ofDeployment(deployment.id, filter, capped(tail));
    try {
      return await inTime(this.everything(deployment, tail, filter, await past()), ms);
    } catch (error) {
      if (!anyway || !(error instanceof Unavailable)) throw error;
      return { ...(await this.runtime.last([], tail, filter, await past())), missing: NO_ENGINE };
    }
  }

  private async everything({ id, serviceId, status }: LoggedDeployment, tail: Tail, filter: LineFilter, past: Past) {
    const containers = MAY_RUN.has(status) ? await this.containers.ofDeployment(serviceId, id) : [];
    return this.runtime.last(containers, tail, filter, past);
  }
}

function textOf(lines: { message: string }[]): string {
  return lines.map(({ message }) => message).join('\n');
}
