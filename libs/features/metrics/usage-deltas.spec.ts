import { Durations } from '#drivers/ingress/durations.js';
import type { WorkloadUsage } from '#drivers/runtime/port.js';
import { trafficOf, usageBetween } from './usage-deltas.js';

const usage = (id: string, cpuSeconds: number, change: Partial<WorkloadUsage> = {}): WorkloadUsage => ({
  id,
  name: id,
  labels: { installation: 'i', project: 'p', service: 's', deployment: 'd', role: 'release', replica: 0 },
  cpuSeconds,
  memoryBytes: 100,
  network: { inBytes: 10 * cpuSeconds, outBytes: 20 * cpuSeconds },
  ...change,
});

it('adds up the replicas of a service', () => {
  const used = usageBetween([usage('a', 10), usage('b', 0)], [usage('a', 13), usage('b', 1)], 10);
  expect([...used]).toEqual([['s', { cpuCores: 0.4, memoryBytes: 200, networkInBytes: 40, networkOutBytes: 80 }]]);
});

it('a new container, and one that was started again, is counted from its beginning', () => {
  const fresh = usageBetween([], [usage('a', 2)], 10).get('s');
  expect(fresh).toEqual({ cpuCores: 0.2, memoryBytes: 100, networkInBytes: 20, networkOutBytes: 40 });
  expect(usageBetween([usage('a', 50)], [usage('a', 2)], 10).get('s')).toEqual(fresh);
});

it('what ended is not invented, and jobs are no releases', () => {
  expect(usageBetween([usage('a', 5)], [], 10).size).toBe(0);
  const job = usage('j', 5, { labels: { ...usage('j', 5).labels, role: 'job' } });
  expect(usageBetween([], [job], 10).size).toBe(0);
});

it('a sum with an unknown part is unknown', () => {
  const used = usageBetween([], [usage('a', 1), usage('b', 1, { network: null })], 10).get('s');
  expect(used).toMatchObject({ cpuCores: 0.2, networkInBytes: null, networkOutBytes: null });
});

it('p95 is that of all hosts together', () => {
  const host = (requests: number, milliseconds: number) => {
    const durations = new Durations();
    for (let n = 0; n < requests; n += 1) durations.add(milliseconds);
    return { requests, errors: 1, durations };
  };
  const told = trafficOf([host(90, 5), host(10, 900)]);
  expect(told).toMatchObject({ requests: 100, errors: 2 });
  expect(told.p95Ms).toBeGreaterThan(890);
  expect(trafficOf([])).toEqual({ requests: 0, errors: 0, p95Ms: null });
});
