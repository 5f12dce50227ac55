/** Runs a function under a deadline, trying again while what fails is transient. */
import { AppError, Unavailable } from '#platform/errors.js';
import { isDatabaseDown } from '#platform/prisma/prisma.service.js';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 3000;

/**
 * @param deadlineMs for all tries together.
 * @param signals any of them ends the work at once, with its own reason.
 * @throws what `work` threw last; Unavailable `step_timeout` when the deadline cut it off without an error of its own.
 */
export async function attempt<T>(
  work: (signal: AbortSignal) => Promise<T>,
  deadlineMs: number,
  signals: AbortSignal[],
): Promise<T> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(timedOut(deadlineMs)), deadlineMs);
  const signal = AbortSignal.any([...signals, deadline.signal]);
  let last: unknown = null;
  try {
    for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
      try {
        signal.throwIfAborted();
        return await work(signal);
      } catch (error) {
        for (const outer of signals) outer.throwIfAborted();
        if (deadline.signal.aborted) throw last ?? (error === deadline.signal.reason ? error : deadline.signal.reason);
        if (!isTransient(error)) throw error;
        last = error;
        await pause(wait, signal).catch(() => undefined); // the loop's head says why it was cut short
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function isTransient(error: unknown): boolean {
  return (error instanceof AppError && error.transient) || isDatabaseDown(error);
}

function timedOut(deadlineMs: number): Unavailable {
  return new Unavailable('step_timeout', `The step did not finish within ${Math.round(deadlineMs / 1000)} seconds.`);
}
