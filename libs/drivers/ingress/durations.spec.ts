import { Durations } from './durations.js';

const of = (...milliseconds: number[]) => {
  const durations = new Durations();
  for (const one of milliseconds) durations.add(one);
  return durations;
};

it('knows nothing without requests', () => {
  expect(of().quantile(0.95)).toBeNull();
});

it.each([
  0.02, 0.1, 1, 7.3, 250, 90_000, 86_400_000,
])('tells %d ms at most 10 %% too long and never too short', (given) => {
  const told = of(given).quantile(0.95) ?? 0;
  expect(told).toBeGreaterThanOrEqual(Math.max(given, 0.1) * 0.999);
  expect(told).toBeLessThanOrEqual(Math.max(given, 0.1) * 1.101);
});

it('p95 is what 95 of 100 requests did not exceed', () => {
  const ninetyFive = of(...Array<number>(95).fill(10), ...Array<number>(5).fill(1000));
  expect(ninetyFive.quantile(0.95)).toBeLessThan(12);
  expect(of(...Array<number>(94).fill(10), ...Array<number>(6).fill(1000)).quantile(0.95)).toBeGreaterThan(999);
});

it('added up is the same as counted together', () => {
  const both = of(1, 2, 3).merge(of(400, 500));
  expect(both.quantile(0.5)).toBe(of(1, 2, 3, 400, 500).quantile(0.5));
  expect(both.quantile(1)).toBe(of(500).quantile(1));
});
