/** Where what should be and what is differ. Pure. */
import type { Route } from '#drivers/ingress/port.js';
import type { Workload } from '#drivers/runtime/port.js';

export interface Expected {
  id: string;
  /** An open run is changing it. */
  busy: boolean;
  /** It should have a route (with no upstream while stopped). */
  routed: boolean;
  /** Names that the route should have. */
  hosts: string[];
  httpsOnly: string[];
  /** Its live release should run. */
  running: boolean;
  deployment: string | null;
  replicas: number;
  port: number | null;
}

export interface Actual {
  /** Null: not looked at this time. */
  workloads: Workload[] | null;
  routes: Map<string, Route>;
}

/** Ids of services to heal, those without a row included: their containers or routes are orphans. */
export function drifted(expected: Expected[], actual: Actual): string[] {
  const known = new Map(expected.map((service) => [service.id, service]));
  const byService = grouped(actual.workloads ?? []);
  const orphans = [...actual.routes.keys(), ...byService.keys()].filter((id) => !known.has(id));
  const wrong = expected.filter(
    (service) => !service.busy && differs(service, actual, byService.get(service.id) ?? []),
  );
  return [...new Set([...orphans, ...wrong.map((service) => service.id)])];
}

function differs(service: Expected, actual: Actual, workloads: Workload[]): boolean {
  const route = actual.routes.get(service.id);
  if (service.routed !== (route !== undefined)) return true;
  if (service.routed && service.running !== (route?.upstreams.length ?? 0) > 0) return true;
  if (route && !(sameNames(service.hosts, route.hosts) && sameNames(service.httpsOnly, route.httpsOnly ?? [])))
    return true;
  return actual.workloads !== null && containersDiffer(service, workloads, route);
}

function containersDiffer(service: Expected, workloads: Workload[], route: Route | undefined): boolean {
  const releases = workloads.filter((workload) => workload.labels.role === 'release');
  const own = releases.filter((workload) => service.running && workload.labels.deployment === service.deployment);
  if (releases.length !== own.length) return true;
  if (!service.running) return false;
  if (own.length !== service.replicas) return true;
  // The engine restarts what crashes; what stands still was stopped by somebody.
  if (own.some(({ state }) => state !== 'running' && state !== 'restarting')) return true;
  return service.routed && upstreamsOf(own, service.port).join() !== [...(route?.upstreams ?? [])].sort().join();
}

/**
 * Routes of busy services that lead to an address where nothing of the service runs any more (the engine gave out new ones, and another
 * app may have the old one), pointed to what runs of the live release. A route that a run has just switched leads to containers that run.
 */
export function misrouted(expected: Expected[], actual: Actual): Route[] {
  if (actual.workloads === null) return [];
  const byService = grouped(actual.workloads);
  return expected.flatMap((service) => {
    const route = actual.routes.get(service.id);
    if (!service.busy || !service.routed || !service.running || !route) return [];
    const releases = (byService.get(service.id) ?? []).filter(({ labels }) => labels.role === 'release');
    const addresses = releases.filter(({ state }) => state === 'running').map(({ address }) => address);
    if (route.upstreams.every((upstream) => addresses.includes(upstream.split(':')[0] ?? ''))) return [];
    const live = releases.filter(({ labels }) => labels.deployment === service.deployment);
    const upstreams = upstreamsOf(live, service.port);
    return upstreams.length > 0 ? [{ ...route, upstreams }] : [];
  });
}

/** `ip:port` of those that run, sorted. */
function upstreamsOf(workloads: Workload[], port: number | null): string[] {
  const alive = workloads.filter(({ state, address }) => state === 'running' && address);
  return alive.map(({ address }) => `${address}:${port}`).sort();
}

function sameNames(left: string[], right: string[]): boolean {
  return [...left].sort().join() === [...right].sort().join();
}

function grouped(workloads: Workload[]): Map<string, Workload[]> {
  const groups = new Map<string, Workload[]>();
  for (const workload of workloads) {
    // Those have a reconciler of their own.
    if (workload.labels.role === 'database') continue;
    const group = groups.get(workload.labels.service);
    if (group) group.push(workload);
    else groups.set(workload.labels.service, [workload]);
  }
  return groups;
}
