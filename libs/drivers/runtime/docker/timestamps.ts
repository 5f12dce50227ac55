/** RFC 3339 times with nanoseconds, as texts: a JavaScript Date would lose the last six digits. Pure. */
import { Invalid } from '#platform/errors.js';

const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/;

/** Length of `2026-01-02T03:04:05.000000000Z`, the form in which Docker stamps log lines. */
export const FIXED_LENGTH = 30;

/**
 * Any RFC 3339 time as UTC with exactly nine digits; such texts sort like the times they stand for.
 * @throws Invalid `timestamp_invalid`
 */
export function fixedTimestamp(text: string): string {
  const [, seconds, fraction = '', zone] = RFC3339.exec(text) ?? [];
  const epochMs = Date.parse(`${seconds}${zone}`);
  if (Number.isNaN(epochMs)) {
    throw new Invalid('timestamp_invalid', `"${text.slice(0, 60)}" is not a time like 2026-01-02T03:04:05.123456789Z.`);
  }
  return `${new Date(epochMs).toISOString().slice(0, 19)}.${fraction.padEnd(9, '0')}Z`;
}

/** `<unix seconds>.<nanoseconds>`, the form of Docker's `since`. */
export function sinceParameter(timestamp: string): string {
  const fixed = fixedTimestamp(timestamp);
  return `${Date.parse(`${fixed.slice(0, 19)}Z`) / 1000}.${fixed.slice(20, 29)}`;
}
