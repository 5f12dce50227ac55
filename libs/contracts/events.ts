/** What happens in a project and is told to its webhook endpoints. */
import { z } from 'zod';

/** A new type is a new line here, and a `recordEvent` in the transaction that makes it so. */
export const EVENT_TYPES = [
  'deployment.created',
  'deployment.building',
  'deployment.running',
  'deployment.failed',
  'deployment.cancelled',
  'deployment.superseded',
  'build.success',
  'build.failed',
  'build.cancelled',
  'backup.completed',
  'backup.failed',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Sent by `POST .../test` only; nobody subscribes to it. */
export const TEST_EVENT = 'webhook.test';

const NOUNS = [...new Set(EVENT_TYPES.map((type) => `${type.split('.', 1)[0]}.*`))];
const FILTERS = ['*', ...NOUNS, ...EVENT_TYPES] as const;

/** `*`, all of a noun, or one type. */
export const eventFilter = z.enum(FILTERS as unknown as [string, ...string[]], {
  error: `must be one of ${FILTERS.join(', ')}`,
});
