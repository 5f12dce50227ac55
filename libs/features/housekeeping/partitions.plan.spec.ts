import { dayOf, oldestKept, planPartitions } from './partitions.plan.js';

const now = new Date('2026-03-01T00:30:00Z');

it('makes today and three days ahead, also over the end of a month', () => {
  const plan = planPartitions({ existing: [], strays: [] }, now, 30);
  expect(plan).toEqual({ create: ['20260301', '20260302', '20260303', '20260304'], drop: [] });
});

it('does nothing a second time', () => {
  const existing = ['20260301', '20260302', '20260303', '20260304'];
  expect(planPartitions({ existing, strays: [] }, now, 30)).toEqual({ create: [], drop: [] });
});

it('drops a day only when all of it is older than the retention', () => {
  const existing = ['20260226', '20260227', '20260301', '20260302', '20260303', '20260304'];
  expect(planPartitions({ existing, strays: [] }, now, 2).drop).toEqual(['20260226']);
  expect(oldestKept(now, 2)).toEqual(new Date('2026-02-27T00:00:00Z'));
});

it('gives strays that are kept a table, and old ones none', () => {
  const plan = planPartitions({ existing: [], strays: ['20260228', '20260101'] }, now, 30);
  expect(plan.create).toEqual(['20260228', '20260301', '20260302', '20260303', '20260304']);
});

it('counts days in UTC', () => {
  expect(dayOf(new Date('2026-02-28T23:59:59.999-05:00'))).toBe('20260301');
});
