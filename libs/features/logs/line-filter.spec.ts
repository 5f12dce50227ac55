import { serviceLogsQuery } from '#contracts/deployments.js';
import { filterOf, isOver, matches, openUntil } from './line-filter.js';

const now = new Date('2026-01-02T12:00:00.000Z');
const line = (timestamp: string, message = '') => ({ timestamp, message });

it('takes ages and times of any zone', () => {
  expect(filterOf({ since: '15m', until: '30s' }, now)).toEqual({
    text: '',
    since: '2026-01-02T11:45:00.000000000Z',
    until: '2026-01-02T11:59:30.000000000Z',
  });
  expect(filterOf({ since: '2026-01-02T13:00:00.5+01:00' }, now).since).toBe('2026-01-02T12:00:00.500000000Z');
  for (const since of ['yesterday', '5w', '-1h', '2026-01-02', '2026-13-01T00:00:00Z', ''])
    expect(serviceLogsQuery.safeParse({ since }).success).toBe(false);
  for (const since of ['2h', '7d', '2026-01-02T13:00:00Z', '2026-01-02T13:00:00.123456789Z'])
    expect(serviceLogsQuery.safeParse({ since }).success).toBe(true);
});

it('includes both ends, for lines in milliseconds and in nanoseconds', () => {
  const filter = filterOf({ since: '2026-01-02T12:00:00Z', until: '2026-01-02T12:00:01Z' }, now);
  const inside = ['2026-01-02T12:00:00.000Z', '2026-01-02T12:00:00.000000000Z', '2026-01-02T12:00:01.000Z'];
  for (const timestamp of inside) expect(matches(filter, line(timestamp))).toBe(true);
  const outside = ['2026-01-02T11:59:59.999Z', '2026-01-02T12:00:01.001Z', '2026-01-02T12:00:01.000000001Z'];
  for (const timestamp of outside) expect(matches(filter, line(timestamp))).toBe(false);
});

it('looks for the text itself, whatever its case', () => {
  const filter = filterOf({ search: 'Ä%_.' }, now);
  expect(matches(filter, line('', 'xä%_.y'))).toBe(true);
  expect(matches(filter, line('', 'xäabc'))).toBe(false);
});

it('ends a stream when its range does, also one far away', async () => {
  const never = new AbortController().signal;
  expect(openUntil(filterOf({}), never)).toBe(never);
  const past = filterOf({ until: '1s' });
  expect(isOver(past)).toBe(true);
  const over = openUntil(past, never);
  if (!over.aborted) await new Promise((resolve) => over.addEventListener('abort', resolve, { once: true }));
  const far = filterOf({ until: '2999-01-01T00:00:00Z' });
  expect([isOver(far), openUntil(far, never).aborted]).toEqual([false, false]);
});
