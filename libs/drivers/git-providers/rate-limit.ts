/**
 * How long a provider wants us to wait. Pure.
 *
 * GitHub: 403 or 429, `retry-after` (secondary limit) or `x-ratelimit-remaining: 0` with `x-ratelimit-reset` in epoch seconds
 * (docs.github.com, "Rate limits for the REST API"). GitLab: 429 with `Retry-After` and `RateLimit-Reset` (docs.gitlab.com, "Rate limits").
 * Bitbucket: 429, `X-RateLimit-NearLimit` only (support.atlassian.com, "API request limits"). Gitea itself has none; proxies before it send
 * 429 with `Retry-After`.
 */
import type { IncomingHttpHeaders } from 'node:http';

/** Bitbucket counts a rolling hour and names no time. */
const UNKNOWN_SECONDS = 60;

/** Seconds; null: the answer is no refusal for asking too often. */
export function waitOf(status: number, headers: IncomingHttpHeaders, now: number): number | null {
  const spent = number(headers['x-ratelimit-remaining']) === 0;
  const asked = retryAfter(headers['retry-after'], now);
  if (status !== 429 && !(status === 403 && (spent || asked !== null))) return null;
  const reset = number(headers['x-ratelimit-reset']) ?? number(headers['ratelimit-reset']);
  const untilReset = reset === null ? null : Math.ceil(reset - now / 1000);
  return Math.max(1, asked ?? untilReset ?? UNKNOWN_SECONDS);
}

/** RFC 9110, 10.2.3: seconds or a date. */
function retryAfter(value: string | undefined, now: number): number | null {
  if (value === undefined) return null;
  const seconds = number(value);
  if (seconds !== null) return seconds;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.ceil((date - now) / 1000);
}

function number(value: string | string[] | undefined): number | null {
  return typeof value === 'string' && /^\d+$/.test(value.trim()) ? Number(value) : null;
}
