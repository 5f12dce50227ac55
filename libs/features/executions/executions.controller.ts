import { Controller, Get, Post } from '@nestjs/common';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/deployments.js';
import { type Caller, CurrentUser, Operation, ValidParams, ValidQuery } from '#platform/http/index.js';
import { ExecutionsService } from './executions.service.js';

const tag = 'Executions';
const ofService = z.object({ id: idOf('service') });
type ById = { id: string };

@Controller('services/:id/executions')
export class ExecutionsController {
  constructor(private readonly executions: ExecutionsService) {}

  @Get()
  @Operation({
    summary: 'List executions of a cron service',
    tag,
    params: ofService,
    query: contract.executionListQuery,
    returns: { status: 200, schema: contract.executionList },
  })
  list(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: ById,
    @ValidQuery() query: z.output<typeof contract.executionListQuery>,
  ) {
    return this.executions.list(caller, id, query);
  }

  @Post()
  @Operation({
    summary: 'Run a cron service now',
    tag,
    params: ofService,
    needs: 'deploy',
    returns: { status: 201, schema: contract.execution },
    errors: [409],
  })
  run(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return this.executions.run(caller, id);
  }
}
