/** What becomes of pull requests: previews, which are a feature of their own. */
import type { DeliveryResult } from '#contracts/webhooks.js';
import type { PullRequestChange } from './git-event.js';
import type { HookedService } from './hooked-services.js';

export interface PullRequestHandler {
  /** Those of the services that keep previews. Asked while the sender waits: no work outside the process. */
  wanting(services: HookedService[]): HookedService[];
  /**
   * In the worker, for each of those services. Idempotent: a delivery may be worked on twice. Deliveries may come out of order: ask the
   * provider what is so now.
   * @throws Unavailable for what may pass by itself: the delivery is tried again.
   */
  handle(pull: PullRequestChange, service: HookedService, signal: AbortSignal): Promise<DeliveryResult>;
}

export const PULL_REQUESTS = Symbol('PullRequestHandler');

/** Nobody wants previews. */
export const NO_PREVIEWS: PullRequestHandler = {
  wanting: () => [],
  handle: async (pull, service) => ({
    service_id: service.id,
    ref: pull.head.ref,
    outcome: 'skipped',
    reason: 'previews are off',
    commit: pull.head.commit,
    deployment_id: null,
  }),
};
