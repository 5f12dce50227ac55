/** Importing a compose file: read, reported, and made as one stack. */
import { Injectable } from '@nestjs/common';
import type { ImportComposeRequest, ImportComposeResponse } from '#contracts/compose.js';
import { requireProject } from '#features/projects/index.js';
import { newIdentity } from '#features/services/index.js';
import { databaseNote, plannedPart, type ServicePart, StacksService } from '#features/stacks/index.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { type ComposePlan, planCompose } from './compose.plan.js';

@Injectable()
export class ComposeService {
  constructor(
    private readonly db: PrismaService,
    private readonly stacks: StacksService,
  ) {}

  /** All services or none. @throws NotFound; Invalid `compose_invalid`; Conflict `service_name_taken`. */
  async import(caller: Caller, projectId: string, request: ImportComposeRequest): Promise<ImportComposeResponse> {
    await requireProject(this.db, caller, projectId);
    const plan = planCompose(request, newIdentity);
    if (request.dry_run) {
      await this.stacks.requireCreatable(caller, projectId, plan.parts);
      return answer(plan, new Map(), true);
    }
    const created = await this.stacks.create(caller, projectId, plan.parts);
    return answer(plan, new Map(created.map(({ part, deploymentId }) => [part.key, deploymentId])), false);
  }
}

function answer(plan: ComposePlan, made: Map<string, string | null>, dry: boolean): ImportComposeResponse {
  const { parts, report } = plan;
  return {
    dry_run: dry,
    order: parts.map(({ key }) => key),
    services: parts.map((part) => ({
      ...plannedPart(part),
      service_id: dry ? null : part.identity.id,
      deployment_id: made.get(part.key) ?? null,
    })),
    report: report.notes,
    message: messageOf(parts, report.notes.length, dry),
  };
}

function messageOf(parts: ServicePart[], notes: number, dry: boolean): string {
  const head = `${dry ? 'Would create' : 'Created'} ${parts.length} ${parts.length === 1 ? 'service' : 'services'}.`;
  const read = notes > 0 ? `Not everything was taken as it stands: see report (${notes}).` : '';
  const note = databaseNote(parts);
  return [head, read, note].filter(Boolean).join(' ');
}
