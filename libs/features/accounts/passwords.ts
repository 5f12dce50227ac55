/**
 * argon2id with OWASP's parameters (m=19456 KiB, t=2, p=1:
 * https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html), a few at a time: each takes a core for about 10 ms
 * and 19 MiB, and all of them at once would starve the event loop and the disk's thread pool.
 */
import { availableParallelism } from 'node:os';
import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { Unavailable } from '#platform/errors.js';

const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const MAX_WAITING = 256;

@Injectable()
export class Passwords {
  private readonly slots = new Slots(Math.min(4, Math.max(1, availableParallelism() - 1)), MAX_WAITING);
  private dummy: Promise<string> | null = null;

  hash(password: string): Promise<string> {
    return this.slots.run(() => hash(password, PARAMETERS));
  }

  /** @param stored null when there is no such user: takes as long and is always false, so that timing tells nobody who has an account. */
  async verify(password: string, stored: string | null): Promise<boolean> {
    const against = stored ?? (await this.dummyHash());
    const matches = await this.slots.run(() => verify(against, password));
    return matches && stored !== null;
  }

  private dummyHash(): Promise<string> {
    this.dummy ??= hash('no user has this password', PARAMETERS);
    return this.dummy;
  }
}

/** At most `size` at once, at most `waiting` in line. */
class Slots {
  private readonly queue: (() => void)[] = [];

  constructor(
    private free: number,
    private readonly waiting: number,
  ) {}

  /** @throws Unavailable `busy` when the line is full. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.take();
    try {
      return await work();
    } finally {
      const next = this.queue.shift();
      if (next) next();
      else this.free += 1;
    }
  }

  private take(): Promise<void> {
    if (this.free > 0) {
      this.free -= 1;
      return Promise.resolve();
    }
    if (this.queue.length >= this.waiting) {
      throw new Unavailable('busy', 'Too many people sign in right now. Try again in a few seconds.', {
        details: { retry_after_seconds: 5 },
      });
    }
    return new Promise((resolve) => this.queue.push(resolve));
  }
}
