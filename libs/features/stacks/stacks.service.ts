/** Creating a stack: services, variables, volumes and deployments in one transaction. */
import { Injectable } from '@nestjs/common';
import { recordAudit } from '#features/audit/index.js';
import { DeploymentsService } from '#features/deployments/index.js';
import { lockProject } from '#features/projects/index.js';
import {
  auditedService,
  hostLabel,
  type ServiceRow,
  ServicesService,
  VariablesService,
} from '#features/services/index.js';
import { Conflict } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { RunQueue } from '#workflows/run-queue.js';
import type { StackPart } from './stack.js';

/** A part as its row was inserted, for the audit log. */
type InsertedPart = CreatedPart & { row: ServiceRow };

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
        const done = new Map<string, InsertedPart>();
        for (const part of parts) done.set(part.key, await this.insert(tx, caller, projectId, part, done, runs));
        for (const inserted of done.values()) await record(tx, caller, inserted);
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
    done: Map<string, InsertedPart>,
    runs: string[],
  ): Promise<InsertedPart> {
    const row = await this.services.insert(tx, caller, projectId, part.request, part.identity);
    await this.variables.insert(tx, row.id, part.variables);
    if (!part.deploy) return { part, row, deploymentId: null };
    const after = part.after.flatMap((key) => done.get(key)?.deploymentId ?? []);
    const { deploymentId, runId } = await this.deployments.createIn(tx, row, after);
    runs.push(runId);
    return { part, row, deploymentId };
  }
}

/** Twenty services with their variables take well under a second; a busy database may need more. */
const TRANSACTION_MS = 20_000;

/** One entry per service; its variables and its first deployment came with it. */
async function record(tx: Tx, caller: Caller, { part, row, deploymentId }: InsertedPart): Promise<void> {
  const entry = auditedService('create', null, row);
  const made = { variables: Object.keys(part.variables).sort(), deployment_id: deploymentId };
  await recordAudit(tx, caller, { ...entry, after: { ...(entry.after as object), ...made } });
}

function nameTaken(name: string): Conflict {
  const message = `A service of this project already has the host name "${hostLabel(name)}": choose another name.`;
  return new Conflict('service_name_taken', message);
}
