import { Controller, Delete, Get, Post } from '@nestjs/common';
import { z } from 'zod';
import * as contract from '#contracts/builds.js';
import { idOf } from '#contracts/common.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams } from '#platform/http/index.js';
import { RegistriesService } from './registries.service.js';

const tag = 'Registries';
const params = z.object({ id: idOf('registry credential') });

@Controller('registry-credentials')
export class RegistriesController {
  constructor(private readonly registries: RegistriesService) {}

  @Get()
  @Operation({
    summary: 'List registry credentials',
    tag,
    returns: { status: 200, schema: contract.registryCredentialList },
  })
  list(@CurrentUser() caller: Caller) {
    return this.registries.list(caller);
  }

  @Post()
  @Operation({
    summary: 'Store a login at a registry',
    description:
      'Used to pull private images and to push builds. A second one for the same registry replaces the first.',
    tag,
    body: contract.registryCredentialRequest,
    returns: { status: 201, schema: contract.registryCredential },
  })
  save(@CurrentUser() caller: Caller, @ValidBody() body: contract.RegistryCredentialRequest) {
    return this.registries.save(caller, body);
  }

  @Delete(':id')
  @Operation({ summary: 'Delete a registry credential', tag, about: 'account', params, returns: { status: 204 } })
  remove(@CurrentUser() caller: Caller, @ValidParams() { id }: { id: string }): Promise<void> {
    return this.registries.remove(caller, id);
  }
}
