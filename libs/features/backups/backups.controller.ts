import { Controller, Delete, Get, Post, Put, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import * as contract from '#contracts/backups.js';
import { idOf, messageResponse } from '#contracts/common.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams, ValidQuery } from '#platform/http/index.js';
import { BackupFiles } from './backup-files.js';
import { BackupsService } from './backups.service.js';
import { RestoresService } from './restores.service.js';
import { SchedulesService } from './schedules.service.js';

const tag = 'Databases';
const ofDatabase = z.object({ id: idOf('database') });
const byId = z.object({ id: idOf('database'), backup_id: idOf('backup') });
type OfDatabase = { id: string };
type ById = z.output<typeof byId>;

@Controller('databases/:id')
export class BackupsController {
  constructor(
    private readonly backups: BackupsService,
    private readonly restores: RestoresService,
    private readonly schedules: SchedulesService,
    private readonly files: BackupFiles,
  ) {}

  @Post('backup')
  @Operation({
    summary: 'Create backup',
    description: "To the target of the database's schedule, or the platform's own folder.",
    tag,
    params: ofDatabase,
    needs: 'deploy',
    returns: { status: 201, schema: contract.backupCreateResponse },
    errors: [409],
  })
  async create(@CurrentUser() caller: Caller, @ValidParams() { id }: OfDatabase) {
    const row = await this.backups.create(caller, id);
    return { backup_id: row.id, message: 'The backup is being made.', status: 'in_progress' as const };
  }

  @Post('restore')
  @Operation({
    summary: 'Restore backup',
    description:
      'The data of now is backed up first and serves until the restored data is complete; it is kept for 7 days. With `as` a new database gets the data.',
    tag,
    params: ofDatabase,
    body: contract.restoreRequest,
    returns: { status: 200, schema: contract.restoreResponse },
    errors: [409],
  })
  restore(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: OfDatabase,
    @ValidBody() body: contract.RestoreRequest,
  ) {
    return this.restores.start(caller, id, body);
  }

  @Get('restores')
  @Operation({
    summary: 'List restores of a database',
    tag,
    params: ofDatabase,
    returns: { status: 200, schema: contract.restoreListResponse },
  })
  listRestores(@CurrentUser() caller: Caller, @ValidParams() { id }: OfDatabase) {
    return this.restores.list(caller, id);
  }

  @Get('backups')
  @Operation({
    summary: 'List backups of a database',
    description: 'Also of a deleted one.',
    tag,
    params: ofDatabase,
    query: contract.backupListQuery,
    returns: { status: 200, schema: contract.backupListResponse },
  })
  list(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: OfDatabase,
    @ValidQuery() query: z.output<typeof contract.backupListQuery>,
  ) {
    return this.backups.list(caller, id, query);
  }

  @Get('backups/:backup_id')
  @Operation({ summary: 'Get a backup', tag, params: byId, returns: { status: 200, schema: contract.backup } })
  get(@CurrentUser() caller: Caller, @ValidParams() { id, backup_id }: ById) {
    return this.backups.get(caller, id, backup_id);
  }

  @Delete('backups/:backup_id')
  @Operation({
    summary: 'Delete a backup',
    description: 'One that is being made is cancelled.',
    tag,
    params: byId,
    needs: 'admin',
    returns: { status: 204 },
  })
  remove(@CurrentUser() caller: Caller, @ValidParams() { id, backup_id }: ById) {
    return this.backups.remove(caller, id, backup_id);
  }

  @Post('backups/:backup_id/verify')
  @Operation({
    summary: 'Prove a backup',
    description: 'Restores it into a throw-away database and compares tables, row counts and checksums.',
    tag,
    params: byId,
    needs: 'deploy',
    returns: { status: 200, schema: messageResponse },
    errors: [409],
  })
  verify(@CurrentUser() caller: Caller, @ValidParams() { id, backup_id }: ById) {
    return this.backups.verify(caller, id, backup_id);
  }

  @Get('backups/:backup_id/download')
  @Operation({
    summary: 'Download a backup',
    description:
      "The dump of the engine's own tool, compressed with zstd, not encrypted. A damaged backup breaks off in the middle.",
    tag,
    params: byId,
    needs: 'write',
    returns: { status: 200 },
    errors: [409],
  })
  async download(@CurrentUser() caller: Caller, @ValidParams() { id, backup_id }: ById, @Res() reply: FastifyReply) {
    const { name, stream } = await this.files.open(caller, id, backup_id, goneSignal(reply));
    const headers = { 'content-type': 'application/zstd', 'content-disposition': `attachment; filename="${name}"` };
    await reply.headers(headers).send(stream);
  }

  @Get('backup-schedule')
  @Operation({
    summary: 'Get the backup schedule of a database',
    tag,
    params: ofDatabase,
    returns: { status: 200, schema: contract.backupSchedule },
  })
  schedule(@CurrentUser() caller: Caller, @ValidParams() { id }: OfDatabase) {
    return this.schedules.get(caller, id);
  }

  @Put('backup-schedule')
  @Operation({
    summary: 'Set the backup schedule of a database',
    tag,
    params: ofDatabase,
    body: contract.backupScheduleRequest,
    returns: { status: 200, schema: contract.backupSchedule },
    errors: [409],
  })
  setSchedule(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: OfDatabase,
    @ValidBody() body: contract.BackupScheduleRequest,
  ) {
    return this.schedules.save(caller, id, body);
  }
}

/** Aborts when the client has left before it got everything. */
function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => raw.writableFinished || gone.abort());
  if (raw.destroyed) gone.abort();
  return gone.signal;
}
