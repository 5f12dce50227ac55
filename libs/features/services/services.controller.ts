import { Controller, Delete, Get, Post, Put } from '@nestjs/common';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/services.js';
import * as variables from '#contracts/variables.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams } from '#platform/http/index.js';
import { ServicesService } from './services.service.js';
import { VariablesService } from './variables.service.js';
import { VolumesService } from './volumes.service.js';

const tag = 'Services';
const ofProject = z.object({ project_id: idOf('project') });
const byId = z.object({ id: idOf('service') });
type ById = { id: string };

@Controller()
export class ServicesController {
  constructor(
    private readonly services: ServicesService,
    private readonly variables: VariablesService,
    private readonly volumes: VolumesService,
  ) {}

  @Get('projects/:project_id/services')
  @Operation({
    summary: 'List project services',
    tag,
    params: ofProject,
    returns: { status: 200, schema: z.array(contract.service) },
  })
  list(@CurrentUser() caller: Caller, @ValidParams() params: { project_id: string }) {
    return this.services.list(caller, params.project_id);
  }

  @Post('projects/:project_id/services')
  @Operation({
    summary: 'Create service',
    tag,
    params: ofProject,
    body: contract.createServiceRequest,
    returns: { status: 201, schema: contract.service },
    errors: [409],
  })
  create(
    @CurrentUser() caller: Caller,
    @ValidParams() params: { project_id: string },
    @ValidBody() body: contract.CreateServiceRequest,
  ) {
    return this.services.create(caller, params.project_id, body);
  }

  @Get('services/:id')
  @Operation({ summary: 'Get service', tag, params: byId, returns: { status: 200, schema: contract.service } })
  get(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return this.services.get(caller, id);
  }

  @Put('services/:id')
  @Operation({
    summary: 'Update service',
    tag,
    params: byId,
    body: contract.updateServiceRequest,
    returns: { status: 200, schema: contract.service },
    errors: [409],
  })
  update(@CurrentUser() caller: Caller, @ValidParams() { id }: ById, @ValidBody() body: contract.UpdateServiceRequest) {
    return this.services.update(caller, id, body);
  }

  @Delete('services/:id')
  @Operation({ summary: 'Delete service', tag, params: byId, needs: 'admin', returns: { status: 204 } })
  remove(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return this.services.remove(caller, id);
  }

  @Get('services/:id/variables')
  @Operation({
    summary: 'Get runtime variables',
    description:
      'Values are shown to who may change them; to viewers, and to tokens without the scope write, all are masked.',
    tag,
    params: byId,
    returns: { status: 200, schema: variables.variablesResponse },
  })
  getVariables(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return this.variables.get(caller, id);
  }

  @Put('services/:id/variables')
  @Operation({
    summary: 'Replace runtime variables',
    tag,
    params: byId,
    body: variables.putVariablesRequest,
    returns: { status: 200, schema: variables.variablesResponse },
  })
  putVariables(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidBody() body: variables.PutVariablesRequest,
  ) {
    return this.variables.put(caller, id, body);
  }

  @Get('volumes')
  @Operation({
    summary: 'List volumes, detached ones included',
    tag: 'Volumes',
    about: 'project',
    returns: { status: 200, schema: contract.volumesResponse },
  })
  async listVolumes(@CurrentUser() caller: Caller) {
    return { volumes: await this.volumes.list(caller) };
  }

  @Delete('volumes/:id')
  @Operation({
    summary: 'Delete a detached volume and its data for good',
    tag: 'Volumes',
    params: z.object({ id: idOf('volume') }),
    needs: 'admin',
    returns: { status: 204 },
    errors: [409],
  })
  purgeVolume(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return this.volumes.purge(caller, id);
  }
}
