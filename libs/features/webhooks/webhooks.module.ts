import { Module } from '@nestjs/common';
import { DeploymentsService } from '#features/deployments/index.js';
import { DeliveryWork } from './delivery-work.js';
import { HookKeeper } from './hook-keeper.js';
import { MissedPushes } from './missed-pushes.js';
import { NO_PREVIEWS, PULL_REQUESTS } from './pull-requests.js';
import { PushDecisions } from './push-decisions.js';
import { Receiver } from './receiver.js';
import { Remotes } from './remotes.js';
import { WebhooksController } from './webhooks.controller.js';
import { WebhooksService } from './webhooks.service.js';

/** Until previews exist. */
const pullRequests = { provide: PULL_REQUESTS, useValue: NO_PREVIEWS };

@Module({ controllers: [WebhooksController], providers: [Receiver, WebhooksService, pullRequests] })
export class WebhooksApiModule {}

@Module({
  providers: [DeploymentsService, DeliveryWork, HookKeeper, MissedPushes, PushDecisions, Remotes, pullRequests],
  exports: [DeliveryWork, HookKeeper, MissedPushes],
})
export class WebhooksWorkerModule {}
