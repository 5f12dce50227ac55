// Waiting for something that can be observed.
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from './log.mjs';

/**
 * Calls `check` until it returns something truthy and resolves with that; a check that throws counts as "not yet".
 * @param {() => unknown} check
 * @param {{ what: string, within: number, every?: number, signal?: AbortSignal }} options times in milliseconds
 */
export async function until(check, { what, within, every = 50, signal }) {
  const deadline = performance.now() + within;
  let last;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const value = await check();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new SetupError(`${what}: not ready within ${within / 1000} s`, last);
    await sleep(every, undefined, { signal });
  }
}
