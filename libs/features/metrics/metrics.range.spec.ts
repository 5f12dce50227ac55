import { rangeOf } from './metrics.range.js';

const now = new Date('2026-03-01T12:00:07Z');
const seconds = ({ from, to }: { from: Date; to: Date }) => (to.getTime() - from.getTime()) / 1000;

it('is the last hour by default, at the resolution of the samples', () => {
  const range = rangeOf({}, now);
  expect(range).toEqual({ from: new Date('2026-03-01T11:00:00Z'), to: now, step: 15 });
});

it.each([
  [{ from: '2026-02-28T12:00:07Z' }],
  [{ from: '2020-01-01T00:00:00Z', step: 15 }],
  [{ from: '2026-03-01T05:00:00+01:00' }],
  [{ from: '2026-03-01T11:59:00Z', step: 86_400 }],
  [{ to: '2026-03-01T08:00:00Z' }],
])('has at most 500 points of whole samples: %j', (query) => {
  const range = rangeOf(query, now);
  expect(Math.ceil(seconds(range) / range.step)).toBeLessThanOrEqual(500);
  expect(range.step % 15).toBe(0);
  expect((range.from.getTime() / 1000) % range.step).toBe(0);
});

it('goes back 24 hours and no further, and not into the future', () => {
  const range = rangeOf({ from: '2020-01-01T00:00:00Z', to: '2030-01-01T00:00:00Z' }, now);
  expect(range.to).toEqual(now);
  expect(seconds(range)).toBeLessThan(86_400 + range.step);
});

it.each([
  [{ from: '2026-03-01T13:00:00Z' }],
  [{ from: '2026-03-01T11:00:00Z', to: '2026-03-01T10:00:00Z' }],
  [{ to: '2026-01-01T00:00:00Z' }],
])('refuses what is empty: %j', (query) => {
  expect(() => rangeOf(query, now)).toThrow(/must be before/);
});
