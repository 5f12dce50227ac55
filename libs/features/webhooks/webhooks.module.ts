import { Module } from '@nestjs/common';
import { DeploymentsService } from '#features/deployments/index.js';
import { DeliveryWork } from './delivery-work.js';
import { HookKeeper } from './hook-keeper.js';
import { MissedPushes } from './missed-pushes.js';
import { PushDecisions } from './push-decisions.js';
import { Receiver } from './receiver.js';
import { Remotes } from './remotes.js';
import { WebhooksController } from './webhooks.controller.js';
import { WebhooksService } from './webhooks.service.js';

@Module({ controllers: [WebhooksController], providers: [Receiver, WebhooksService] })
export class WebhooksApiModule {}

@Module({
  providers: [DeploymentsService, DeliveryWork, HookKeeper, MissedPushes, PushDecisions, Remotes],
  exports: [DeliveryWork, HookKeeper, MissedPushes],
})
export class WebhooksWorkerModule {}
