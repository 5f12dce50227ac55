/** What the apps may use of this feature. */

export { DeliverySender } from './deliveries.sender.js';
export { WebhookEndpointsApiModule, WebhookEndpointsWorkerModule } from './webhook-endpoints.module.js';
