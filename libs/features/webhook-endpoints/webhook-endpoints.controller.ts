import { Controller, Delete, Get, Post, Put } from '@nestjs/common';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/webhook-endpoints.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams } from '#platform/http/index.js';
import { WebhookEndpointsService } from './webhook-endpoints.service.js';

const tag = 'Outgoing webhooks';
const needs = 'admin';
const ofProject = z.object({ id: idOf('project') });
const byId = z.object({ id: idOf('project'), webhook_id: idOf('webhook') });
type ById = z.output<typeof byId>;

@Controller('projects/:id/webhooks')
export class WebhookEndpointsController {
  constructor(private readonly webhooks: WebhookEndpointsService) {}

  @Get()
  @Operation({
    summary: 'List webhooks',
    tag,
    needs,
    params: ofProject,
    returns: { status: 200, schema: contract.webhooksResponse },
  })
  list(@CurrentUser() caller: Caller, @ValidParams() { id }: { id: string }) {
    return this.webhooks.list(caller, id);
  }

  @Post()
  @Operation({
    summary: 'Create a webhook',
    description: 'Events of the project are POSTed to its URL, signed with the secret that is in this answer only.',
    tag,
    needs,
    params: ofProject,
    body: contract.createWebhookRequest,
    returns: { status: 201, schema: contract.webhookWithSecret },
    errors: [409],
  })
  create(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: { id: string },
    @ValidBody() body: contract.CreateWebhookRequest,
  ) {
    return this.webhooks.create(caller, id, body);
  }

  @Get(':webhook_id')
  @Operation({ summary: 'Get a webhook', tag, needs, params: byId, returns: { status: 200, schema: contract.webhook } })
  get(@CurrentUser() caller: Caller, @ValidParams() params: ById) {
    return this.webhooks.get(caller, params.id, params.webhook_id);
  }

  @Put(':webhook_id')
  @Operation({
    summary: 'Update a webhook',
    tag,
    needs,
    params: byId,
    body: contract.updateWebhookRequest,
    returns: { status: 200, schema: contract.webhook },
  })
  update(@CurrentUser() caller: Caller, @ValidParams() params: ById, @ValidBody() body: contract.UpdateWebhookRequest) {
    return this.webhooks.update(caller, params.id, params.webhook_id, body);
  }

  @Delete(':webhook_id')
  @Operation({
    summary: 'Delete a webhook',
    description: 'Its delivery log goes with it.',
    tag,
    needs,
    params: byId,
    returns: { status: 204 },
  })
  remove(@CurrentUser() caller: Caller, @ValidParams() params: ById) {
    return this.webhooks.remove(caller, params.id, params.webhook_id);
  }

  @Post(':webhook_id/rotate-secret')
  @Operation({
    summary: 'Rotate the secret of a webhook',
    description: 'The old secret signs beside the new one for `overlap_hours`.',
    tag,
    needs,
    params: byId,
    body: contract.rotateWebhookSecretRequest,
    returns: { status: 200, schema: contract.webhookWithSecret },
  })
  rotate(
    @CurrentUser() caller: Caller,
    @ValidParams() params: ById,
    @ValidBody() body: contract.RotateWebhookSecretRequest,
  ) {
    return this.webhooks.rotate(caller, params.id, params.webhook_id, body.overlap_hours);
  }

  @Post(':webhook_id/resume')
  @Operation({
    summary: 'Resume a paused webhook',
    description: 'Events are sent again from now on; what was missed is in its delivery log and can be replayed.',
    tag,
    needs,
    params: byId,
    returns: { status: 200, schema: contract.webhook },
    errors: [409],
  })
  resume(@CurrentUser() caller: Caller, @ValidParams() params: ById) {
    return this.webhooks.resume(caller, params.id, params.webhook_id);
  }
}
