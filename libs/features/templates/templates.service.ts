/** The catalogue, and making what it describes. */
import { Inject, Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type {
  DeployTemplateRequest,
  DeployTemplateResponse,
  listTemplatesQuery,
  PlanTemplateRequest,
  planTemplateResponse,
  ServiceTemplate,
  TemplateDetail,
} from '#contracts/templates.js';
import { newIdentity, serviceUrl } from '#features/services/index.js';
import {
  createdPart,
  databaseNote,
  isDatabase,
  plannedPart,
  type StackPart,
  StacksService,
} from '#features/stacks/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { Invalid } from '#platform/errors.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { loadCatalogue } from './catalogue.js';
import { type Generate, generate, generateNothing } from './generators.js';
import type { TemplateFile } from './template-file.js';
import { extraVariables, mainIsDatabase, missingVariables, planTemplate } from './templates.plan.js';
import { templateDetail } from './templates.view.js';

/** Room for an application's pool of connections. */
const USUAL_PLAN = 'starter';

type Chosen = Pick<DeployTemplateRequest, 'name' | 'variables' | 'plan' | 'region'>;

interface Entry {
  file: TemplateFile;
  detail: TemplateDetail;
}

@Injectable()
export class TemplatesService {
  private readonly entries: Map<string, Entry>;

  constructor(
    private readonly stacks: StacksService,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.entries = new Map(loadCatalogue().map((file) => [file.id, { file, detail: templateDetail(file) }]));
  }

  list({ category, search }: z.output<typeof listTemplatesQuery>): ServiceTemplate[] {
    const text = search?.toLowerCase() ?? '';
    return [...this.entries.values()]
      .map(({ detail }) => detail.template)
      .filter((template) => !category || template.category === category)
      .filter(({ id, name, description }) => `${id} ${name} ${description}`.toLowerCase().includes(text));
  }

  /** @throws NotFound `template_not_found`. */
  get(id: string): TemplateDetail {
    return this.require(id).detail;
  }

  /** @throws NotFound; Invalid `variable_required`, `variable_unknown`, `unknown_region`; Conflict `service_name_taken`, `database_name_taken`: then nothing is made. */
  async deploy(caller: Caller, id: string, request: DeployTemplateRequest): Promise<DeployTemplateResponse> {
    const { file } = this.require(id);
    const parts = this.parts(file, request, generate);
    const created = await this.stacks.create(caller, request.project_id, parts);
    const main = created.find(({ part }) => part.key === file.main);
    const made = main && createdPart(main);
    return {
      resource: made?.database_id ? 'database' : 'service',
      ...(made?.service_id ? { service_id: made.service_id } : {}),
      ...(made?.database_id ? { database_id: made.database_id } : {}),
      message: messageOf(file, parts, 'Created'),
      services: created.map(createdPart),
    };
  }

  /** What `deploy` would make. Nothing is made, and nothing is generated. */
  async plan(caller: Caller, request: PlanTemplateRequest): Promise<z.output<typeof planTemplateResponse>> {
    const { file } = this.require(request.template_id);
    const parts = this.parts(file, { ...request, name: request.name ?? file.name }, generateNothing);
    if (request.project_id) await this.stacks.requireCreatable(caller, request.project_id, parts);
    return {
      template_id: file.id,
      order: parts.map(({ key }) => key),
      services: parts.map(plannedPart),
      message: messageOf(file, parts, 'Would create'),
    };
  }

  private parts(file: TemplateFile, request: Chosen, generator: Generate): StackPart[] {
    const { name, variables = {}, plan = USUAL_PLAN, region = this.config.CONTAINR_REGION } = request;
    const missing = missingVariables(file, variables).map(({ key }) => key);
    if (missing.length > 0) throw variableRequired(file.name, missing);
    const extra = mainIsDatabase(file) ? extraVariables(file, variables) : [];
    if (extra.length > 0) throw variableUnknown(file.name, extra);
    const urlOf = (slug: string) => serviceUrl(slug, this.config);
    return planTemplate(file, { name, variables, plan, region, generate: generator, identityOf: newIdentity, urlOf });
  }

  private require(id: string): Entry {
    const entry = this.entries.get(id);
    if (!entry) throw notFound('template');
    return entry;
  }
}

function variableRequired(template: string, missing: string[]): Invalid {
  const names = missing.join(', ');
  const message = `${template} needs a value for ${names}: give it in variables.`;
  return new Invalid('variable_required', message, { details: { variables: missing } });
}

function variableUnknown(template: string, extra: string[]): Invalid {
  const names = extra.join(', ');
  const message = `${template} is a managed database, which has no environment variables: leave out ${names}.`;
  return new Invalid('variable_unknown', message, { details: { variables: extra } });
}

function messageOf(file: TemplateFile, parts: StackPart[], verb: string): string {
  const names = parts.map(({ name }) => name).join(', ');
  const waiting = parts.filter((part) => !isDatabase(part) && !part.deploy).map(({ name }) => name);
  const push = waiting.length > 0 ? `Push your code to the git remote of ${waiting.join(', ')} to deploy it.` : '';
  const note = databaseNote(parts);
  const head = `${verb} ${parts.length} ${parts.length === 1 ? 'part' : 'parts'} from ${file.name}, in this order: ${names}.`;
  return [head, push, note].filter(Boolean).join(' ');
}
