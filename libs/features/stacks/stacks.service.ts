/** Creating a stack: databases, services, variables, volumes and deployments in one transaction. */
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { recordAudit } from '#features/audit/index.js';
import { DatabaseLinksService, DatabaseReader, DatabasesService } from '#features/databases/index.js';
import { DeploymentsService } from '#features/deployments/index.js';
import { lockProject } from '#features/projects/index.js';
import { auditedService, hostLabel, ServicesService, VariablesService } from '#features/services/index.js';
import { Conflict } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService, repeatOnDeadlock, type Tx } from '#platform/prisma/prisma.service.js';
import { RunQueue } from '#workflows/run-queue.js';
import { type DatabasePart, isDatabase, type ServicePart, type StackPart } from './stack.js';

export type CreatedPart =
  | { part: ServicePart; databaseId: null; deploymentId: string | null; runId: string | null }
  | { part: DatabasePart; databaseId: string; deploymentId: null; runId: string };

@Injectable()
export class StacksService {
  constructor(
    private readonly db: PrismaService,
    private readonly services: ServicesService,
    private readonly variables: VariablesService,
    private readonly deployments: DeploymentsService,
    private readonly databases: DatabasesService,
    private readonly links: DatabaseLinksService,
    private readonly reader: DatabaseReader,
    private readonly queue: RunQueue,
  ) {}

  /**
   * All parts or none. A dependent's deployment waits for the deployments and databases it needs (`dependencies.await`).
   * @param parts in dependency order.
   * @throws NotFound `project_not_found`; Conflict `service_name_taken`, `database_name_taken`; Invalid as for a single service or database.
   */
  async create(caller: Caller, projectId: string, parts: StackPart[]): Promise<CreatedPart[]> {
    await this.requireValid(parts);
    const created = await repeatOnDeadlock(() =>
      this.db.$transaction(
        async (tx) => {
          await lockProject(tx, caller, projectId);
          const done = new Map<string, CreatedPart>();
          for (const part of parts) done.set(part.key, await this.insert(tx, caller, projectId, part, done));
          return [...done.values()];
        },
        { timeout: TRANSACTION_MS },
      ),
    );
    for (const { runId } of created) if (runId) this.queue.nudge(runId);
    return created;
  }

  /** What `create` would refuse, without making anything. @throws NotFound, Conflict, Invalid as `create`. */
  async requireCreatable(caller: Caller, projectId: string, parts: StackPart[]): Promise<void> {
    await this.requireValid(parts);
    const services = await this.services.list(caller, projectId);
    const databases = await this.reader.list(caller, { projectId, deleted: false });
    const taken = new Set([...services.map((one) => one.internal_host), ...databases.map(({ host }) => host)]);
    const names = new Set(databases.map(({ name }) => name));
    const part = parts.find((one) => taken.has(one.identity.alias) || (isDatabase(one) && names.has(one.name)));
    if (part) throw nameTaken(part);
  }

  /** What is looked up before the transaction: addresses of repositories. */
  private async requireValid(parts: StackPart[]): Promise<void> {
    for (const part of parts) {
      if (isDatabase(part)) this.databases.requireRegion(part.database.region);
      else await this.services.requireValid(part.request);
    }
  }

  private insert(
    tx: Tx,
    caller: Caller,
    projectId: string,
    part: StackPart,
    done: Map<string, CreatedPart>,
  ): Promise<CreatedPart> {
    if (!isDatabase(part)) return this.insertService(tx, caller, projectId, part, done);
    return this.insertDatabase(tx, caller, projectId, part);
  }

  private async insertDatabase(tx: Tx, caller: Caller, projectId: string, part: DatabasePart): Promise<CreatedPart> {
    const runId = randomUUID();
    const { name, identity, password } = part;
    const wish = { ...part.database, name, alias: identity.alias, projectId, ...(password ? { password } : {}) };
    const { id } = await this.databases.createIn(tx, caller, wish, runId);
    return { part, databaseId: id, deploymentId: null, runId };
  }

  /** One entry in the audit log; its variables and its first deployment came with it. */
  private async insertService(
    tx: Tx,
    caller: Caller,
    projectId: string,
    part: ServicePart,
    done: Map<string, CreatedPart>,
  ): Promise<CreatedPart> {
    const row = await this.services.insert(tx, caller, projectId, part.request, part.identity);
    await this.variables.insert(tx, row.id, part.variables);
    for (const { databaseId, variables } of referred(part, [...done.values()]))
      await this.links.record(tx, databaseId, row.id, variables);
    const needed = part.after.flatMap((key) => done.get(key) ?? []);
    const made = part.deploy ? await this.deployments.createIn(tx, row, afterOf(needed)) : null;
    const entry = auditedService('create', null, row);
    const extra = { variables: Object.keys(part.variables).sort(), deployment_id: made?.deploymentId ?? null };
    await recordAudit(tx, caller, { ...entry, after: { ...(entry.after as object), ...extra } });
    return { part, databaseId: null, deploymentId: made?.deploymentId ?? null, runId: made?.runId ?? null };
  }
}

/** Twenty services with their variables take well under a second; a busy database may need more. */
const TRANSACTION_MS = 20_000;

function afterOf(needed: CreatedPart[]): { deployments: string[]; runs: string[] } {
  return {
    deployments: needed.flatMap(({ deploymentId }) => deploymentId ?? []),
    runs: needed.flatMap(({ databaseId, runId }) => (databaseId && runId ? [runId] : [])),
  };
}

/** The databases of the stack that a service's variables refer to, by host name. */
function referred({ variables }: ServicePart, made: CreatedPart[]): { databaseId: string; variables: string[] }[] {
  return made.flatMap(({ part, databaseId }) => {
    const reference = `\${{${part.identity.alias}.`;
    const keys = Object.keys(variables).filter((key) => variables[key]?.value.includes(reference));
    return databaseId && keys.length > 0 ? [{ databaseId, variables: keys }] : [];
  });
}

function nameTaken(part: StackPart): Conflict {
  const message = `Something in this project already has the host name "${hostLabel(part.name)}": choose another name.`;
  return new Conflict(isDatabase(part) ? 'database_name_taken' : 'service_name_taken', message);
}
