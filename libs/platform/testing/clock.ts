/** A wall clock that is wrong. Timers and performance.now() go on as before: no jump of the wall clock moves them. */

/** Until `restoreClock`, `Date` in this process is `ms` off. */
export function moveClock(ms: number): void {
  jest.useFakeTimers({
    now: Date.now() + ms,
    advanceTimers: true,
    doNotFake: [
      'hrtime',
      'nextTick',
      'performance',
      'queueMicrotask',
      'setImmediate',
      'clearImmediate',
      'setInterval',
      'clearInterval',
      'setTimeout',
      'clearTimeout',
    ],
  });
}

export function restoreClock(): void {
  jest.useRealTimers();
}
