import { Controller, Get, Post } from '@nestjs/common';
import { z } from 'zod';
import * as contract from '#contracts/templates.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams, ValidQuery } from '#platform/http/index.js';
import { TemplatesService } from './templates.service.js';

const tag = 'Templates';
const params = z.object({ id: contract.templateId });
type ById = { id: string };

@Controller('templates')
export class TemplatesController {
  constructor(private readonly templates: TemplatesService) {}

  @Get()
  @Operation({
    summary: 'List templates',
    tag,
    about: 'anyone',
    query: contract.listTemplatesQuery,
    returns: { status: 200, schema: contract.templatesResponse },
  })
  list(@ValidQuery() query: z.output<typeof contract.listTemplatesQuery>) {
    return { templates: this.templates.list(query) };
  }

  @Post('plan')
  @Operation({
    summary: 'Show what a template would make',
    description: 'Makes nothing. Secret values are masked; generated ones do not exist yet.',
    tag,
    body: contract.planTemplateRequest,
    returns: { status: 200, schema: contract.planTemplateResponse },
    errors: [404, 409],
    needs: 'read',
    about: 'project',
  })
  plan(@CurrentUser() caller: Caller, @ValidBody() body: contract.PlanTemplateRequest) {
    return this.templates.plan(caller, body);
  }

  @Get(':id')
  @Operation({
    summary: 'Get template',
    tag,
    about: 'anyone',
    params,
    returns: { status: 200, schema: contract.templateDetail },
  })
  get(@ValidParams() { id }: ById) {
    return this.templates.get(id);
  }

  @Post(':id/deploy')
  @Operation({
    summary: 'Create resource from template',
    description:
      'Creates the services of the template in one transaction, all or none, and deploys each after those it needs.',
    tag,
    params,
    body: contract.deployTemplateRequest,
    returns: { status: 201, schema: contract.deployTemplateResponse },
    errors: [409],
  })
  deploy(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidBody() body: contract.DeployTemplateRequest,
  ) {
    return this.templates.deploy(caller, id, body);
  }
}
