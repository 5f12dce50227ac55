import {
  DELAYS,
  endpointDelay,
  FAILING_AFTER,
  failureOf,
  mustPause,
  PAUSED_AFTER,
  retryDelay,
} from './deliveries.plan.js';

const DAY = 86_400;

it('tries again sooner at first, for a day, and not for ever', () => {
  expect(DELAYS).toEqual([...DELAYS].sort((a, b) => a - b));
  const all = DELAYS.reduce((sum, delay) => sum + delay, 0);
  expect(all).toBeGreaterThan(DAY);
  expect(all).toBeLessThan(1.01 * DAY);
  expect(retryDelay(1, 0)).toBe(5);
  expect(retryDelay(1, 1)).toBe(5.5);
  expect(retryDelay(DELAYS.length, 0)).toBe(36_900);
  expect(retryDelay(DELAYS.length + 1, 0)).toBeNull();
});

it('leaves an endpoint alone that fails again and again, at most an hour', () => {
  expect(endpointDelay(FAILING_AFTER - 1)).toBeNull();
  expect(endpointDelay(FAILING_AFTER)).toBe(30);
  expect(endpointDelay(FAILING_AFTER + 1)).toBe(60);
  expect(endpointDelay(1000)).toBe(3600);
});

it('pauses after many failures over a day, so that one event alone is enough', () => {
  expect(mustPause(PAUSED_AFTER, DAY)).toBe(true);
  expect(mustPause(PAUSED_AFTER - 1, 10 * DAY)).toBe(false);
  expect(mustPause(10_000, DAY - 1)).toBe(false);
  expect(DELAYS.length + 1).toBeGreaterThanOrEqual(PAUSED_AFTER);
});

const answer = (fields: object) => ({ status: null, body: '', location: null, error: null, ...fields });

it.each([
  [{ status: 200 }, null],
  [{ status: 204 }, null],
  [{ status: 299 }, null],
  [{ status: 199 }, 'bad_status'],
  [{ status: 302, location: 'http://127.0.0.1/' }, 'redirect'],
  [{ status: 304 }, 'redirect'],
  [{ status: 404 }, 'bad_status'],
  [{ status: 500 }, 'bad_status'],
  [{ error: { code: 'timeout', message: 'x' } }, 'timeout'],
])('%j is %p', (fields, code) => expect(failureOf(answer(fields))?.code ?? null).toBe(code));
