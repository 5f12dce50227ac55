import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import * as contract from '#contracts/webhooks.js';
import { type Caller, CurrentUser, Operation, ValidBody, ValidParams, ValidQuery } from '#platform/http/index.js';
import { Receiver } from './receiver.js';
import { WebhooksService } from './webhooks.service.js';

const tag = 'Webhooks';
/** GitHub sends at most 25 MB. */
const LARGEST_BYTES = 26 * 1024 * 1024;
const byHook = z.object({ hook_id: idOf('webhook') });
const ofService = z.object({ id: idOf('service') });
const byId = z.object({ id: idOf('service'), delivery_id: idOf('delivery') });

@Controller()
export class WebhooksController {
  constructor(
    private readonly receiver: Receiver,
    private readonly webhooks: WebhooksService,
  ) {}

  @Post('webhooks/git/:hook_id')
  @Operation({
    summary: 'Receive a webhook of a git host',
    description:
      'For GitHub, GitLab, Bitbucket Cloud, Gitea and Forgejo; proven by the signature (or secret token) of the sender. 202: work follows. 200: nothing follows, `message` says why.',
    tag,
    params: byHook,
    rawBodyBytes: LARGEST_BYTES,
    returns: { status: 202, schema: contract.deliveryReceipt },
    alsoReturns: { 200: contract.deliveryReceipt },
    errors: [413],
    public: true,
  })
  async receive(
    @ValidParams() { hook_id: hookId }: { hook_id: string },
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { status, receipt } = await this.receiver.receive(hookId, request);
    reply.status(status);
    return receipt;
  }

  @Get('services/:id/webhook')
  @Operation({
    summary: 'Get the webhook of a service',
    tag,
    params: ofService,
    returns: { status: 200, schema: contract.serviceWebhook },
    errors: [409],
  })
  get(@CurrentUser() caller: Caller, @ValidParams() { id }: { id: string }) {
    return this.webhooks.get(caller, id);
  }

  @Post('services/:id/webhook')
  @Operation({
    summary: 'Make the webhook of a service, or give it a new secret',
    description: 'The secret is shown only now. The one before stays good for `previous_valid_hours`.',
    tag,
    params: ofService,
    body: contract.rotationRequest,
    returns: { status: 201, schema: contract.webhookSecret },
    errors: [409],
  })
  rotate(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: { id: string },
    @ValidBody() body: contract.RotationRequest,
  ) {
    return this.webhooks.rotate(caller, id, body);
  }

  @Get('services/:id/webhook/deliveries')
  @Operation({
    summary: 'List deliveries of the webhook',
    tag,
    params: ofService,
    query: contract.webhookDeliveriesQuery,
    returns: { status: 200, schema: contract.webhookDeliveries },
  })
  deliveries(
    @CurrentUser() caller: Caller,
    @ValidParams() { id }: { id: string },
    @ValidQuery() query: z.output<typeof contract.webhookDeliveriesQuery>,
  ) {
    return this.webhooks.deliveries(caller, id, query);
  }

  @Post('services/:id/webhook/deliveries/:delivery_id/redeliver')
  @Operation({
    summary: 'Work on a delivery again',
    tag,
    params: byId,
    needs: 'deploy',
    returns: { status: 202, schema: contract.webhookDelivery },
    errors: [409],
  })
  redeliver(@CurrentUser() caller: Caller, @ValidParams() { id, delivery_id }: z.output<typeof byId>) {
    return this.webhooks.redeliver(caller, id, delivery_id);
  }
}
