import { Controller, Get, Post, Put } from '@nestjs/common';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/previews.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams } from '#platform/http/index.js';
import { PreviewsService } from './previews.service.js';

const tag = 'Previews';
const ofService = z.object({ id: idOf('service') });
const byNumber = z.object({
  id: idOf('service'),
  number: z.coerce.number().int().min(1).describe('Of the pull request.'),
});

@Controller('services/:id/previews')
export class PreviewsController {
  constructor(private readonly previews: PreviewsService) {}

  @Get()
  @Operation({
    summary: 'List previews of a service',
    tag,
    params: ofService,
    returns: { status: 200, schema: contract.previewsResponse },
  })
  list(@CurrentUser() caller: Caller, @ValidParams() { id }: { id: string }) {
    return this.previews.list(caller, id);
  }

  @Put()
  @Operation({
    summary: 'Switch previews of pull requests on or off',
    tag,
    params: ofService,
    body: contract.putPreviewSettingsRequest,
    returns: { status: 200, schema: contract.previewSettings },
  })
  put(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: { id: string },
    @ValidBody() body: contract.PutPreviewSettingsRequest,
  ) {
    return this.previews.put(caller, id, body);
  }

  @Post(':number/approve')
  @Operation({
    summary: 'Allow the head of a pull request of a fork to be built',
    description: 'Exactly this commit; a push withdraws it.',
    tag,
    params: byNumber,
    body: contract.approvePreviewRequest,
    returns: { status: 200, schema: contract.preview },
    errors: [409],
  })
  approve(
    @CurrentUser() caller: Caller,
    @ValidParams() params: z.output<typeof byNumber>,
    @ValidBody() body: contract.ApprovePreviewRequest,
  ) {
    return this.previews.approve(caller, params.id, params.number, body.commit_hash);
  }
}
