import { Controller, Delete, Get, Post } from '@nestjs/common';
import { z } from 'zod';
import * as contract from '#contracts/backups.js';
import { idOf } from '#contracts/common.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams } from '#platform/http/index.js';
import { TargetsService } from './targets.service.js';

const tag = 'Backups';
const about = 'account';
const byId = z.object({ id: idOf('backup target') });
type ById = { id: string };

@Controller('backup-targets')
export class TargetsController {
  constructor(private readonly targets: TargetsService) {}

  @Get()
  @Operation({
    summary: 'List backup targets',
    description: "Your own buckets. The platform's own folder is not one of them: it is used where no target is named.",
    tag,
    about,
    returns: { status: 200, schema: contract.backupTargetListResponse },
  })
  list(@CurrentUser() caller: Caller) {
    return this.targets.list(caller);
  }

  @Post()
  @Operation({
    summary: 'Add a backup target',
    description: 'A bucket of an S3-compatible server. It is written to and read from before it is saved.',
    tag,
    about,
    body: contract.backupTargetRequest,
    returns: { status: 201, schema: contract.backupTarget },
    errors: [409, 503, 507],
  })
  create(@CurrentUser() caller: Caller, @ValidBody() body: contract.BackupTargetRequest) {
    return this.targets.create(caller, body);
  }

  @Post(':id/check')
  @Operation({
    summary: 'Check a backup target now',
    tag,
    about,
    params: byId,
    returns: { status: 200, schema: contract.backupTarget },
    errors: [404, 503, 507],
  })
  check(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return this.targets.recheck(caller, id);
  }

  @Delete(':id')
  @Operation({
    summary: 'Remove a backup target',
    tag,
    about,
    params: byId,
    returns: { status: 204 },
    errors: [404, 409],
  })
  remove(@CurrentUser() caller: Caller, @ValidParams() { id }: ById) {
    return this.targets.remove(caller, id);
  }
}
