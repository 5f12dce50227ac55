/** Whether a delivery comes from whoever knows the hook's secret. Every comparison takes the same time whatever is wrong. Pure. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Envelope } from './git-event.js';

/** @param secrets those that are valid now: two while one is being rotated. */
export function isProven(proof: Envelope['proof'], body: Uint8Array, secrets: string[]): boolean {
  if (!proof) return false;
  const fits = secrets.map((secret) =>
    proof.kind === 'token'
      ? equal(proof.value, secret)
      : equal(proof.value.toLowerCase(), createHmac('sha256', secret).update(body).digest('hex')),
  );
  return fits.includes(true);
}

/** By their hashes, so that the length tells nothing either. */
function equal(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
