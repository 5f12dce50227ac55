import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  /** Named in the error. */
  what: string | (() => string | Promise<string>);
  /** Milliseconds. */
  within: number;
  /** Milliseconds between two looks. */
  every?: number;
}

/** Looks until it sees something; resolves with it. @throws Error that says what was waited for. */
export async function until<T>(look: () => Promise<T> | T, patience: Patience): Promise<NonNullable<T>> {
  const deadline = performance.now() + patience.within;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (performance.now() > deadline) {
      const what = typeof patience.what === 'string' ? patience.what : await patience.what();
      throw new Error(`waited ${patience.within} ms for: ${what}`);
    }
    await sleep(patience.every ?? 50);
  }
}
