/** Creating a stack: services, variables, volumes and deployments in one transaction. */
import { Injectable } from '@nestjs/common';
import { DeploymentsService } from '#features/deployments/index.js';
import { lockProject } from '#features/projects/index.js';
import { hostLabel, ServicesService, VariablesService } from '#features/services/index.js';
import { Conflict } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { RunQueue } from '#workflows/run-queue.js';
import type { StackPart } from './stack.js';

export interface CreatedPart {
  part: StackPart;
  deploymentId: string | null;
}

@Injectable()
export class StacksService {
  constructor(
    private readonly db: PrismaService,
    private readonly services: ServicesService,
    private readonly variables: VariablesService,
    private readonly deployments: DeploymentsService,
    private readonly queue: RunQueue,
  ) {}

  /**
   * All parts or none. A dependent's deployment waits for the deployments it needs (`dependencies.await`).
   * @param parts in dependency order.
   * @throws NotFound `project_not_found`; Conflict `service_name_taken`; Invalid as for a single service.
   */
  async create(caller: Caller, projectId: string, parts: StackPart[]): Promise<CreatedPart[]> {
    for (const { request } of parts) await this.services.requireValid(request);
    const runs: string[] = [];
    const created = await this.db.$transaction(
      async (tx) => {
        await lockProject(tx, caller, projectId);
        const done = new Map<string, CreatedPart>();
        for (const part of parts) done.set(part.key, await this.insert(tx, caller, projectId, part, done, runs));
        return [...done.values()];
      },
      { timeout: TRANSACTION_MS },
    );
    for (const run of runs) this.queue.nudge(run);
    return created;
  }

  /** What `create` would refuse, without making anything. @throws NotFound, Conflict, Invalid as `create`. */
  async requireCreatable(caller: Caller, projectId: string, parts: StackPart[]): Promise<void> {
    for (const { request } of parts) await this.services.requireValid(request);
    const taken = new Set((await this.services.list(caller, projectId)).map((service) => service.internal_host));
    const part = parts.find(({ identity }) => taken.has(identity.alias));
    if (part) throw nameTaken(part.request.name);
  }

  private async insert(
    tx: Tx,
    caller: Caller,
    projectId: string,
    part: StackPart,
    done: Map<string, CreatedPart>,
    runs: string[],
  ): Promise<CreatedPart> {
    const row = await this.services.insert(tx, caller, projectId, part.request, part.identity);
    await this.variables.insert(tx, row.id, part.variables);
    if (!part.deploy) return { part, deploymentId: null };
    const after = part.after.flatMap((key) => done.get(key)?.deploymentId ?? []);
    const { deploymentId, runId } = await this.deployments.createIn(tx, caller, row, after);
    runs.push(runId);
    return { part, deploymentId };
  }
}

/** Twenty services with their variables take well under a second; a busy database may need more. */
const TRANSACTION_MS = 20_000;

function nameTaken(name: string): Conflict {
  const message = `A service of this project already has the host name "${hostLabel(name)}": choose another name.`;
  return new Conflict('service_name_taken', message);
}
