/** Using a database: links, password, queries, users and databases of its own. */
import { Controller, Delete, Get, Post } from '@nestjs/common';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/databases.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams } from '#platform/http/index.js';
import { newPassword } from './credentials.js';
import { DatabaseLinksService } from './database-links.service.js';
import { DatabaseToolsService } from './database-tools.service.js';
import { DatabasesService } from './databases.service.js';

const tag = 'Databases';
const byId = z.object({ id: idOf('database') });
type ById = z.output<typeof byId>;
const ofService = z.object({ id: idOf('database'), service_id: idOf('service') });
const ofTenant = z.object({ id: idOf('database'), name: contract.tenantParams.shape.name });
type OfTenant = z.output<typeof ofTenant>;

@Controller('databases/:id')
export class DatabaseUseController {
  constructor(
    private readonly links: DatabaseLinksService,
    private readonly tools: DatabaseToolsService,
    private readonly databases: DatabasesService,
  ) {}

  @Post('link')
  @Operation({
    summary: 'Give a service the address of the database',
    tag,
    params: byId,
    body: contract.databaseLinkRequest,
    returns: { status: 200, schema: contract.databaseLinkResponse },
    errors: [409],
  })
  link(@CurrentUser() caller: Caller, @ValidParams() { id }: ById, @ValidBody() body: contract.DatabaseLinkRequest) {
    return this.links.link(caller, id, body);
  }

  @Delete('links/:service_id')
  @Operation({
    summary: 'Take the address of the database from a service',
    tag,
    params: ofService,
    returns: { status: 204 },
  })
  unlink(@CurrentUser() caller: Caller, @ValidParams() params: z.output<typeof ofService>) {
    return this.links.unlink(caller, params.id, params.service_id);
  }

  @Post('password')
  @Operation({
    summary: 'Change the password',
    description:
      'Linked services have the new one with their next deployment; until then the old one does not work any more.',
    tag,
    params: byId,
    body: contract.databasePasswordRequest.optional(),
    returns: { status: 200, schema: contract.databaseActionMessage },
    errors: [409],
  })
  rotate(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidBody() body: z.output<typeof contract.databasePasswordRequest> | undefined,
  ) {
    return this.databases.rotate(caller, id, body?.password ?? newPassword());
  }

  @Post('query')
  @Operation({
    summary: 'Ask the database something',
    tag,
    params: byId,
    body: contract.databaseQueryRequest,
    returns: { status: 200, schema: contract.databaseQueryResponse },
    errors: [409],
  })
  query(@CurrentUser() caller: Caller, @ValidParams() { id }: ById, @ValidBody() body: contract.DatabaseQueryRequest) {
    return this.tools.query(caller, id, body);
  }

  @Get('users')
  @Operation({
    summary: 'List the users inside the database',
    tag,
    params: byId,
    returns: { status: 200, schema: contract.databaseUsersResponse },
    errors: [409],
  })
  async users(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return { users: (await this.tools.tenants(caller, id)).users };
  }

  @Post('users')
  @Operation({
    summary: 'Create a user inside the database',
    tag,
    params: byId,
    body: contract.databaseTenantRequest,
    returns: { status: 201, schema: contract.databaseUserCreated },
    errors: [409],
  })
  createUser(@CurrentUser() caller: Caller, @ValidParams() { id }: ById, @ValidBody() { name }: { name: string }) {
    return this.tools.createUser(caller, id, name);
  }

  @Delete('users/:name')
  @Operation({
    summary: 'Remove a user inside the database',
    description: 'What it owns in the database app becomes that of the user app.',
    tag,
    params: ofTenant,
    needs: 'admin',
    returns: { status: 204 },
    errors: [409],
  })
  dropUser(@CurrentUser() caller: Caller, @ValidParams() { id, name }: OfTenant) {
    return this.tools.dropUser(caller, id, name);
  }

  @Get('databases')
  @Operation({
    summary: 'List the databases inside the database',
    tag,
    params: byId,
    returns: { status: 200, schema: contract.databaseNamesResponse },
    errors: [409],
  })
  async names(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return { databases: (await this.tools.tenants(caller, id)).databases };
  }

  @Post('databases')
  @Operation({
    summary: 'Create a database inside the database',
    tag,
    params: byId,
    body: contract.databaseTenantRequest,
    returns: { status: 201, schema: contract.databaseNamesResponse },
    errors: [409],
  })
  async createName(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidBody() { name }: { name: string },
  ) {
    return { databases: await this.tools.createDatabase(caller, id, name) };
  }

  @Delete('databases/:name')
  @Operation({
    summary: 'Remove a database inside the database, with its data',
    tag,
    params: ofTenant,
    needs: 'admin',
    returns: { status: 204 },
    errors: [409],
  })
  dropName(@CurrentUser() caller: Caller, @ValidParams() { id, name }: OfTenant) {
    return this.tools.dropDatabase(caller, id, name);
  }
}
