import { Module, type OnModuleInit } from '@nestjs/common';
import { EventDispatcher, EventsWorkerModule } from '#features/events/index.js';
import { DeliveriesController } from './deliveries.controller.js';
import { fanOut } from './deliveries.queries.js';
import { DeliverySender } from './deliveries.sender.js';
import { DeliveriesService } from './deliveries.service.js';
import { WebhookEndpointsController } from './webhook-endpoints.controller.js';
import { WebhookEndpointsService } from './webhook-endpoints.service.js';

@Module({
  controllers: [WebhookEndpointsController, DeliveriesController],
  providers: [WebhookEndpointsService, DeliveriesService],
})
export class WebhookEndpointsApiModule {}

@Module({ imports: [EventsWorkerModule], providers: [DeliverySender], exports: [DeliverySender] })
export class WebhookEndpointsWorkerModule implements OnModuleInit {
  constructor(private readonly events: EventDispatcher) {}

  onModuleInit(): void {
    this.events.subscribe(fanOut);
  }
}
