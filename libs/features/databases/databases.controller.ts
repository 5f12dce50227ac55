import { Controller, Delete, Get, Post, Put } from '@nestjs/common';
import { z } from 'zod';
import { idOf, messageResponse } from '#contracts/common.js';
import * as contract from '#contracts/databases.js';
import { ENGINES } from '#drivers/engines/index.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams, ValidQuery } from '#platform/http/index.js';
import { Certificates } from './certificates.js';
import { DatabaseReader } from './databases.reader.js';
import { DatabasesService } from './databases.service.js';
import { DatabaseMetricsService } from './metrics.service.js';
import { PLANS } from './plans.js';

const tag = 'Databases';
const byId = z.object({ id: idOf('database') });
type ById = z.output<typeof byId>;

@Controller()
export class DatabasesController {
  constructor(
    private readonly databases: DatabasesService,
    private readonly reader: DatabaseReader,
    private readonly metrics: DatabaseMetricsService,
    private readonly certificates: Certificates,
  ) {}

  @Get('databases')
  @Operation({
    summary: 'List databases',
    tag,
    about: 'project',
    query: contract.databaseListQuery,
    returns: { status: 200, schema: contract.databaseListResponse },
  })
  async list(@CurrentUser() caller: Caller, @ValidQuery() query: z.output<typeof contract.databaseListQuery>) {
    const filter = { projectId: query.project_id, deleted: query.deleted === 'true' };
    return { databases: await this.reader.list(caller, filter) };
  }

  @Post('databases')
  @Operation({
    summary: 'Create database',
    description: 'It is `building` until its engine answers, usually some seconds.',
    tag,
    about: 'project',
    body: contract.createDatabaseRequest,
    returns: { status: 201, schema: contract.databaseCreateResponse },
    errors: [403, 404, 409],
  })
  async create(@CurrentUser() caller: Caller, @ValidBody() body: contract.CreateDatabaseRequest) {
    const { id } = await this.databases.create(caller, body);
    return { id, message: 'The database is being made.', status: 'building' as const };
  }

  @Get('databases/plans')
  @Operation({
    summary: 'List database plans',
    tag,
    about: 'anyone',
    returns: { status: 200, schema: contract.databasePlansResponse },
  })
  plans() {
    return {
      plans: Object.entries(PLANS).map(([name, plan]) => ({
        name,
        cpu: plan.cpus,
        memory_bytes: plan.memoryBytes,
        storage_bytes: plan.storageBytes,
        max_connections: plan.maxConnections,
        backup_retention_days: plan.backupRetentionDays,
      })),
    };
  }

  @Get('databases/engines')
  @Operation({
    summary: 'List database engines and their versions',
    tag,
    about: 'anyone',
    returns: { status: 200, schema: contract.databaseEnginesResponse },
  })
  engines() {
    return {
      engines: Object.values(ENGINES).map(({ kind, name, versions, variable }) => ({
        type: kind,
        name,
        versions: [...versions],
        variable,
      })),
    };
  }

  @Get('databases/ca')
  @Operation({
    summary: 'Certificate authority of databases with TLS',
    tag,
    about: 'anyone',
    returns: { status: 200, schema: contract.databaseAuthority },
  })
  authority() {
    return { certificate: this.certificates.authority() };
  }

  @Get('regions')
  @Operation({
    summary: 'List regions',
    tag,
    about: 'anyone',
    returns: { status: 200, schema: contract.regionsResponse },
  })
  regions() {
    return { regions: this.databases.regions() };
  }

  @Get('databases/:id')
  @Operation({ summary: 'Get database', tag, params: byId, returns: { status: 200, schema: contract.database } })
  get(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return this.reader.get(caller, id);
  }

  @Put('databases/:id')
  @Operation({
    summary: 'Update database',
    description: 'Name, plan and settings. The message says whether the engine is restarted for it.',
    tag,
    params: byId,
    body: contract.updateDatabaseRequest,
    returns: { status: 200, schema: messageResponse },
    errors: [409],
  })
  update(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidBody() body: contract.UpdateDatabaseRequest,
  ) {
    return this.databases.update(caller, id, body);
  }

  @Delete('databases/:id')
  @Operation({
    summary: 'Delete database',
    description: 'Its data is kept for 7 days. Refused while services are linked, unless `force` is true.',
    tag,
    params: byId,
    query: contract.databaseDeleteQuery,
    needs: 'admin',
    returns: { status: 200, schema: messageResponse },
    errors: [409],
  })
  remove(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidQuery() query: z.output<typeof contract.databaseDeleteQuery>,
  ) {
    return this.databases.remove(caller, id, query.force === 'true');
  }

  @Post('databases/:id/action')
  @Operation({
    summary: 'Execute database action',
    description: 'Start, stop or restart; the data stays.',
    tag,
    params: byId,
    body: contract.databaseActionRequest,
    needs: 'deploy',
    returns: { status: 200, schema: contract.databaseActionResponse },
  })
  act(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidBody() { action }: z.output<typeof contract.databaseActionRequest>,
  ) {
    return this.databases.act(caller, id, action);
  }

  @Post('databases/:id/undelete')
  @Operation({
    summary: 'Bring a deleted database back',
    tag,
    params: byId,
    needs: 'admin',
    returns: { status: 200, schema: contract.database },
    errors: [409],
  })
  undelete(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return this.databases.undelete(caller, id);
  }

  @Post('databases/:id/purge')
  @Operation({
    summary: 'Remove the data of a deleted database for good, now',
    tag,
    params: byId,
    needs: 'admin',
    returns: { status: 204 },
  })
  purge(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return this.databases.purge(caller, id);
  }

  @Get('databases/:id/metrics')
  @Operation({
    summary: 'What a database used',
    description: 'Each 15 seconds for 24 hours, each 5 minutes for 30 days.',
    tag,
    params: byId,
    query: contract.databaseMetricsQuery,
    returns: { status: 200, schema: contract.databaseMetricsResponse },
  })
  getMetrics(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidQuery() query: contract.DatabaseMetricsQuery,
  ) {
    return this.metrics.of(caller, id, query);
  }
}
