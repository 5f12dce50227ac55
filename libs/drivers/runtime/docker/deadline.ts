/** One clock and one caller's signal over one call. Written out because AbortSignal.any leaks on long-lived signals in Node 20. */
export interface Deadline {
  /** Why the call must end: the caller's reason, or the error of the clock; undefined while it may go on. */
  reason(): Error | undefined;
  /** Called at once when it has ended already. Only the last listener counts. */
  onEnd(listener: () => void): void;
  /** Stops the clock and lets go of the signal. */
  clear(): void;
}

/** @param ms milliseconds, Infinity for no clock */
export function startDeadline(ms: number, late: () => Error, signal?: AbortSignal): Deadline {
  let reason: Error | undefined;
  let listener: () => void = () => {};
  const end = (why: Error) => {
    reason ??= why;
    listener();
  };
  const timer = Number.isFinite(ms) ? setTimeout(() => end(late()), ms) : undefined;
  const aborted = () => end(signal?.reason as Error);
  signal?.addEventListener('abort', aborted, { once: true });
  if (signal?.aborted) reason = signal.reason as Error;
  return {
    reason: () => reason,
    onEnd: (next) => {
      listener = next;
      if (reason) next();
    },
    clear: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
    },
  };
}

/** Waits `ms`; true when the time passed, false as soon as `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const aborted = () => finish(false);
    const timer = setTimeout(() => finish(true), ms);
    const finish = (passed: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      resolve(passed);
    };
    signal.addEventListener('abort', aborted, { once: true });
  });
}
