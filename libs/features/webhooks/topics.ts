/** What wakes the worker; a message that is lost costs a few seconds (apps/worker/clocks/webhooks.clock.ts). */

import { SERVICES_TOPIC } from '#features/services/index.js';

/** A delivery waits. */
export const DELIVERIES_TOPIC = 'webhooks';
/** A hook at a provider is perhaps to be made, changed or removed. */
export const HOOKS_TOPIC = SERVICES_TOPIC;
