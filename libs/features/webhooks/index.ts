/** What other features and the apps may use of this one. */
export { DeliveryWork } from './delivery-work.js';
export type { PullRequestChange } from './git-event.js';
export { HookKeeper } from './hook-keeper.js';
export type { HookedService } from './hooked-services.js';
export { MissedPushes } from './missed-pushes.js';
export { NO_PREVIEWS, PULL_REQUESTS, type PullRequestHandler } from './pull-requests.js';
export { DELIVERIES_TOPIC, HOOKS_TOPIC } from './topics.js';
export { WebhooksApiModule, WebhooksWorkerModule } from './webhooks.module.js';
