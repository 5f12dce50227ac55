/** What wakes the worker; a message that is lost costs a few seconds (apps/worker/clocks/webhooks.clock.ts). */

/** A delivery waits. */
export const DELIVERIES_TOPIC = 'webhooks';
/** A hook at a provider is to be made, changed or removed. */
export const HOOKS_TOPIC = 'git-hooks';
