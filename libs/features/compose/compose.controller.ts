import { Controller, Post } from '@nestjs/common';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/compose.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams } from '#platform/http/index.js';
import { ComposeService } from './compose.service.js';

@Controller('projects')
export class ComposeController {
  constructor(private readonly compose: ComposeService) {}

  @Post(':id/import/compose')
  @Operation({
    summary: 'Import a compose file',
    description:
      'Turns the services of a compose file into services with variables and volumes, all or none, and reports every key that was not honoured as it stands. With `dry_run` nothing is made.',
    tag: 'Projects',
    params: z.object({ id: idOf('project') }),
    body: contract.importComposeRequest,
    returns: { status: 201, schema: contract.importComposeResponse },
    errors: [409],
  })
  import(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: { id: string },
    @ValidBody() body: contract.ImportComposeRequest,
  ) {
    return this.compose.import(caller, id, body);
  }
}
