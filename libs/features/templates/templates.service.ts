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
import { createdService, databaseNote, plannedService, type StackPart, StacksService } from '#features/stacks/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { Invalid } from '#platform/errors.js';
import { type Caller, notFound } from '#platform/http/index.js';
import { loadCatalogue } from './catalogue.js';
import { type Generate, generate, generateNothing } from './generators.js';
import type { TemplateFile } from './template-file.js';
import { missingVariables, planTemplate } from './templates.plan.js';
import { templateDetail } from './templates.view.js';

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

  /** @throws NotFound; Invalid `variable_required`; Conflict `service_name_taken`: then nothing is made. */
  async deploy(caller: Caller, id: string, request: DeployTemplateRequest): Promise<DeployTemplateResponse> {
    const { file } = this.require(id);
    const parts = this.parts(file, request.name, request.variables ?? {}, generate);
    const created = await this.stacks.create(caller, request.project_id, parts);
    const main = created.find(({ part }) => part.key === file.main);
    return {
      resource: 'service',
      ...(main ? { service_id: main.part.identity.id } : {}),
      message: messageOf(file, parts, 'Created'),
      services: created.map(createdService),
    };
  }

  /** What `deploy` would make. Nothing is made, and nothing is generated. */
  async plan(caller: Caller, request: PlanTemplateRequest): Promise<z.output<typeof planTemplateResponse>> {
    const { file } = this.require(request.template_id);
    const parts = this.parts(file, request.name ?? file.name, request.variables ?? {}, generateNothing);
    if (request.project_id) await this.stacks.requireCreatable(caller, request.project_id, parts);
    return {
      template_id: file.id,
      order: parts.map(({ key }) => key),
      services: parts.map(plannedService),
      message: messageOf(file, parts, 'Would create'),
    };
  }

  private parts(file: TemplateFile, name: string, variables: Record<string, string>, generator: Generate): StackPart[] {
    const missing = missingVariables(file, variables).map(({ key }) => key);
    if (missing.length > 0) throw variableRequired(file.name, missing);
    const urlOf = (slug: string) => serviceUrl(slug, this.config);
    return planTemplate(file, { name, variables, generate: generator, identityOf: newIdentity, urlOf });
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

function messageOf(file: TemplateFile, parts: StackPart[], verb: string): string {
  const names = parts.map(({ request }) => request.name).join(', ');
  const waiting = parts.filter(({ deploy }) => !deploy).map(({ request }) => request.name);
  const push = waiting.length > 0 ? `Push your code to the git remote of ${waiting.join(', ')} to deploy it.` : '';
  const note = databaseNote(parts.filter(({ kind }) => kind === 'database').length);
  const head = `${verb} ${parts.length} ${parts.length === 1 ? 'service' : 'services'} from ${file.name}, in this order: ${names}.`;
  return [head, push, note].filter(Boolean).join(' ');
}
