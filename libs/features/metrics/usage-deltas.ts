/** From counters to what was used between two looks. Pure. */

import { Durations } from '#drivers/ingress/durations.js';
import type { HostTraffic } from '#drivers/ingress/port.js';
import type { WorkloadUsage } from '#drivers/runtime/port.js';

/** One row of `service_metrics`; null is what nobody measured. */
export interface Sample {
  serviceId: string;
  cpuCores: number | null;
  memoryBytes: number | null;
  networkInBytes: number | null;
  networkOutBytes: number | null;
  requests: number | null;
  errors: number | null;
  p95Ms: number | null;
}

export type Usage = Pick<Sample, 'cpuCores' | 'memoryBytes' | 'networkInBytes' | 'networkOutBytes'>;
export type Traffic = Pick<Sample, 'requests' | 'errors' | 'p95Ms'>;

export const NO_USAGE: Usage = { cpuCores: null, memoryBytes: null, networkInBytes: null, networkOutBytes: null };
export const NO_TRAFFIC: Traffic = { requests: null, errors: null, p95Ms: null };

/**
 * Use of each service's releases between two looks. A container that was not there before began in between, and so did one whose counters
 * went back: its use is all that it has. What a container used after the last look before its end is not known to anybody.
 */
export function usageBetween(before: WorkloadUsage[], now: WorkloadUsage[], seconds: number): Map<string, Usage> {
  const known = new Map(before.map((usage) => [usage.id, usage]));
  const services = new Map<string, Usage>();
  for (const usage of now) {
    if (usage.labels.role !== 'release') continue;
    const sum = services.get(usage.labels.service);
    const own = usageSince(known.get(usage.id), usage, seconds);
    services.set(usage.labels.service, sum ? added(sum, own) : own);
  }
  return services;
}

function usageSince(before: WorkloadUsage | undefined, now: WorkloadUsage, seconds: number): Usage {
  const since = before && before.cpuSeconds <= now.cpuSeconds ? before : undefined;
  const bytes = (of: (network: NonNullable<WorkloadUsage['network']>) => number) => {
    if (!now.network) return null;
    const then = since?.network ? of(since.network) : 0;
    const total = of(now.network);
    return total >= then ? total - then : total;
  };
  return {
    cpuCores: (now.cpuSeconds - (since?.cpuSeconds ?? 0)) / seconds,
    memoryBytes: now.memoryBytes,
    networkInBytes: bytes(({ inBytes }) => inBytes),
    networkOutBytes: bytes(({ outBytes }) => outBytes),
  };
}

/** A sum of which one part is unknown is unknown. */
function added(left: Usage, right: Usage): Usage {
  const sum = (field: keyof Usage) => {
    const [a, b] = [left[field], right[field]];
    return a === null || b === null ? null : a + b;
  };
  return {
    cpuCores: sum('cpuCores'),
    memoryBytes: sum('memoryBytes'),
    networkInBytes: sum('networkInBytes'),
    networkOutBytes: sum('networkOutBytes'),
  };
}

/** What the ingress told of all host names of one service. */
export function trafficOf(hosts: HostTraffic[]): Traffic {
  const durations = new Durations();
  for (const host of hosts) durations.merge(host.durations);
  return {
    requests: hosts.reduce((sum, { requests }) => sum + requests, 0),
    errors: hosts.reduce((sum, { errors }) => sum + errors, 0),
    p95Ms: durations.quantile(0.95),
  };
}
