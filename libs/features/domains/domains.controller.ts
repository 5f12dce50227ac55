import { Controller, Delete, Get, Post, Put } from '@nestjs/common';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/domains.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams } from '#platform/http/index.js';
import { DomainsService } from './domains.service.js';

const tag = 'Domains';
const ofService = z.object({ id: idOf('service') });
const byId = z.object({ id: idOf('service'), domain_id: idOf('domain') });
type ById = z.output<typeof byId>;

@Controller('services/:id/domains')
export class DomainsController {
  constructor(private readonly domains: DomainsService) {}

  @Get()
  @Operation({
    summary: 'List custom domains',
    tag,
    params: ofService,
    returns: { status: 200, schema: contract.domainsResponse },
  })
  list(@CurrentUser() caller: Caller, @ValidParams() { id }: { id: string }) {
    return this.domains.list(caller, id);
  }

  @Post()
  @Operation({
    summary: 'Add a custom domain',
    description:
      'Requests for it are served at once; the answer says what DNS needs. TLS is automatic without an own certificate.',
    tag,
    params: ofService,
    body: contract.createDomainRequest,
    returns: { status: 201, schema: contract.domain },
    errors: [409],
  })
  create(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: { id: string },
    @ValidBody() body: contract.CreateDomainRequest,
  ) {
    return this.domains.create(caller, id, body);
  }

  @Get(':domain_id')
  @Operation({ summary: 'Get a custom domain', tag, params: byId, returns: { status: 200, schema: contract.domain } })
  get(@CurrentUser() caller: Caller, @ValidParams() params: ById) {
    return this.domains.get(caller, params.id, params.domain_id);
  }

  @Put(':domain_id')
  @Operation({
    summary: 'Update a custom domain',
    description: 'Redirect and certificate; the host name itself cannot change.',
    tag,
    params: byId,
    body: contract.updateDomainRequest,
    returns: { status: 200, schema: contract.domain },
  })
  update(@CurrentUser() caller: Caller, @ValidParams() params: ById, @ValidBody() body: contract.UpdateDomainRequest) {
    return this.domains.update(caller, params.id, params.domain_id, body);
  }

  @Delete(':domain_id')
  @Operation({ summary: 'Remove a custom domain', tag, params: byId, returns: { status: 204 } })
  remove(@CurrentUser() caller: Caller, @ValidParams() params: ById) {
    return this.domains.remove(caller, params.id, params.domain_id);
  }

  @Post(':domain_id/check')
  @Operation({
    summary: 'Check the DNS of a custom domain now',
    tag,
    params: byId,
    returns: { status: 200, schema: contract.domain },
  })
  check(@CurrentUser() caller: Caller, @ValidParams() params: ById) {
    return this.domains.check(caller, params.id, params.domain_id);
  }
}
