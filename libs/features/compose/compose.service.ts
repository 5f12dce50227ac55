/** Importing a compose file: read, reported, and made as one stack. */
import { Inject, Injectable } from '@nestjs/common';
import type { ImportComposeRequest, ImportComposeResponse } from '#contracts/compose.js';
import { requireProject } from '#features/projects/index.js';
import { newIdentity } from '#features/services/index.js';
import {
  type CreatedPart,
  createdPart,
  databaseNote,
  plannedPart,
  type StackPart,
  StacksService,
} from '#features/stacks/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { type ComposePlan, planCompose } from './compose.plan.js';

@Injectable()
export class ComposeService {
  constructor(
    private readonly db: PrismaService,
    private readonly stacks: StacksService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** All parts or none. @throws NotFound; Invalid `compose_invalid`; Conflict `service_name_taken`, `database_name_taken`. */
  async import(caller: Caller, projectId: string, request: ImportComposeRequest): Promise<ImportComposeResponse> {
    await requireProject(this.db, caller, projectId);
    const plan = planCompose(request, newIdentity, this.config.CONTAINR_REGION);
    if (request.dry_run) {
      await this.stacks.requireCreatable(caller, projectId, plan.parts);
      return answer(plan, [], true);
    }
    const created = await this.stacks.create(caller, projectId, plan.parts);
    return answer(plan, created, false);
  }
}

function answer(plan: ComposePlan, created: CreatedPart[], dry: boolean): ImportComposeResponse {
  const { parts, report } = plan;
  const made = new Map(created.map((one) => [one.part.key, createdPart(one)]));
  return {
    dry_run: dry,
    order: parts.map(({ key }) => key),
    services: parts.map((part) => ({
      ...plannedPart(part),
      service_id: made.get(part.key)?.service_id ?? null,
      database_id: made.get(part.key)?.database_id ?? null,
      deployment_id: made.get(part.key)?.deployment_id ?? null,
    })),
    report: report.notes,
    message: messageOf(parts, report.notes.length, dry),
  };
}

function messageOf(parts: StackPart[], notes: number, dry: boolean): string {
  const head = `${dry ? 'Would create' : 'Created'} ${parts.length} ${parts.length === 1 ? 'part' : 'parts'}.`;
  const read = notes > 0 ? `Not everything was taken as it stands: see report (${notes}).` : '';
  const note = databaseNote(parts);
  return [head, read, note].filter(Boolean).join(' ');
}
