import { Controller, Get, Post } from '@nestjs/common';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/webhook-endpoints.js';
import { type Caller, CurrentUser, Operation, ValidParams, ValidQuery } from '#platform/http/index.js';
import { DeliveriesService } from './deliveries.service.js';

const tag = 'Outgoing webhooks';
const needs = 'admin';
const ofWebhook = z.object({ id: idOf('project'), webhook_id: idOf('webhook') });
const byId = ofWebhook.extend({ delivery_id: idOf('delivery') });
type OfWebhook = z.output<typeof ofWebhook>;
type ById = z.output<typeof byId>;

@Controller('projects/:id/webhooks/:webhook_id')
export class DeliveriesController {
  constructor(private readonly deliveries: DeliveriesService) {}

  @Post('test')
  @Operation({
    summary: 'Send a test event to a webhook',
    description:
      'Also to one that is paused or switched off. The answer names the delivery; ask for it to see what became of it.',
    tag,
    needs,
    params: ofWebhook,
    returns: { status: 202, schema: contract.webhookDelivery },
  })
  test(@CurrentUser() caller: Caller, @ValidParams() params: OfWebhook) {
    return this.deliveries.test(caller, params.id, params.webhook_id);
  }

  @Get('deliveries')
  @Operation({
    summary: 'List the deliveries of a webhook',
    tag,
    needs,
    params: ofWebhook,
    query: contract.webhookDeliveryQuery,
    returns: { status: 200, schema: contract.webhookDeliveries },
  })
  list(
    @CurrentUser() caller: Caller,
    @ValidParams() params: OfWebhook,
    @ValidQuery() query: contract.WebhookDeliveryQuery,
  ) {
    return this.deliveries.list(caller, params.id, params.webhook_id, query);
  }

  @Get('deliveries/:delivery_id')
  @Operation({
    summary: 'Get a delivery of a webhook',
    tag,
    needs,
    params: byId,
    returns: { status: 200, schema: contract.webhookDeliveryDetail },
  })
  get(@CurrentUser() caller: Caller, @ValidParams() params: ById) {
    return this.deliveries.get(caller, params.id, params.webhook_id, params.delivery_id);
  }

  @Post('deliveries/:delivery_id/replay')
  @Operation({
    summary: 'Send a delivery of a webhook again',
    description: 'The same event with the same `webhook-id`, once, also to a webhook that is paused or switched off.',
    tag,
    needs,
    params: byId,
    returns: { status: 202, schema: contract.webhookDelivery },
  })
  replay(@CurrentUser() caller: Caller, @ValidParams() params: ById) {
    return this.deliveries.replay(caller, params.id, params.webhook_id, params.delivery_id);
  }
}
