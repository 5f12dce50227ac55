import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Passwords } from './passwords.js';

describe('passwords', () => {
  const passwords = new Passwords();

  it('verifies what it hashed, and nothing for users that do not exist', async () => {
    const stored = await passwords.hash('a long enough password');
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await passwords.verify('a long enough password', stored)).toBe(true);
    expect(await passwords.verify('A long enough password', stored)).toBe(false);
    expect(await passwords.verify('no user has this password', null)).toBe(false);
  });

  it('leaves the event loop free while 16 people sign in', async () => {
    const stored = await passwords.hash('a long enough password');
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const started = performance.now();
    await Promise.all(Array.from({ length: 16 }, () => passwords.verify('a long enough password', stored)));
    delay.disable();
    // Work on the main thread would block it for nearly all of the time.
    expect(delay.max / 1e6).toBeLessThan((performance.now() - started) / 2);
  });

  it('refuses when too many wait, and recovers', async () => {
    const results = await Promise.allSettled(Array.from({ length: 400 }, () => passwords.verify('x', 'not a hash')));
    const busy = results.filter((result) => result.status === 'rejected' && result.reason.code === 'busy');
    expect(busy.length).toBeGreaterThan(100);
    expect(await passwords.verify('x', null)).toBe(false);
  });
});
