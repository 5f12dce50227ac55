/** When a failed delivery is tried again, and what an answer means. Pure; all times in seconds. */
import type { PostAnswer } from '#platform/guarded-post.js';

/** After the first failure, the second, ...: twelve attempts over a little more than a day. */
export const DELAYS = [5, 30, 120, 300, 900, 1800, 3600, 7200, 14_400, 21_600, 36_900];

/** From so many failures in a row on the endpoint as a whole is left alone for a while, so that a dead one is not asked for each event. */
export const FAILING_AFTER = 5;
const ENDPOINT_FIRST = 30;
const ENDPOINT_MOST = 3600;

/** It is paused after so many failures in a row, over at least so long. */
export const PAUSED_AFTER = 10;
export const PAUSED_AFTER_SECONDS = 86_400;

/** Until the next attempt; null: none. @param attempt the one that failed, from 1. @param chance 0..1, up to a tenth is added */
export function retryDelay(attempt: number, chance: number): number | null {
  const delay = DELAYS[attempt - 1];
  return delay === undefined ? null : delay * (1 + chance / 10);
}

/** How long the whole endpoint waits. @param failures in a row, this one included */
export function endpointDelay(failures: number): number | null {
  if (failures < FAILING_AFTER) return null;
  return Math.min(ENDPOINT_MOST, ENDPOINT_FIRST * 2 ** (failures - FAILING_AFTER));
}

export function mustPause(failures: number, failingForSeconds: number): boolean {
  return failures >= PAUSED_AFTER && failingForSeconds >= PAUSED_AFTER_SECONDS;
}

/** Null: delivered. Only a 2xx is. */
export function failureOf({ status, location, error }: PostAnswer): { code: string; message: string } | null {
  if (error) return error;
  if (status !== null && status >= 200 && status < 300) return null;
  if (status !== null && status >= 300 && status < 400) {
    const where = location ? ` to ${location.slice(0, 200)}` : '';
    const message = `The receiver answered ${status}, a redirect${where}. Redirects are not followed: set the final URL.`;
    return { code: 'redirect', message };
  }
  return { code: 'bad_status', message: `The receiver answered ${status}. Only 2xx counts as delivered.` };
}
