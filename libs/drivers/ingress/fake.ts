/** Ingress in memory, for tests of what is built on it. Behaves as the real one in everything that conformance.ts asks. */
import { Unavailable } from '#platform/errors.js';
import { Durations } from './durations.js';
import { requireHostname, requireHosts, requireRoute } from './names.js';
import type { HostTraffic, Ingress, OwnCertificate, Route, TrafficReader } from './port.js';

export class FakeIngress implements Ingress {
  readonly routes = new Map<string, Route>();
  /** Requests in flight per upstream; tests set it. */
  readonly load = new Map<string, number>();
  readonly certificates = new Map<string, OwnCertificate>();
  /** Every change that reached the ingress, oldest first. Unchanged ensures are not in it. */
  readonly changes: { kind: 'ensure' | 'ensureAbsent'; id: string }[] = [];
  private readonly readers = new Set<Map<string, HostTraffic>>();
  /** false: nothing answers. */
  up = true;

  async ping(): Promise<void> {
    this.requireUp();
  }

  async observe(): Promise<Route[]> {
    this.requireUp();
    return structuredClone([...this.routes.values()].filter(({ hosts }) => hosts.length > 0));
  }

  async ensure(route: Route): Promise<void> {
    const { id, upstreams } = requireRoute(route);
    const hosts = [...route.hosts].sort();
    const httpsOnly = [...(route.httpsOnly ?? [])].sort();
    const wanted: Route = { id, hosts, upstreams, ...(httpsOnly.length ? { httpsOnly } : {}) };
    this.requireUp();
    if (JSON.stringify(this.routes.get(id)) === JSON.stringify(wanted)) return;
    // A host belongs to the last one that asked for it.
    for (const other of this.routes.values()) other.hosts = other.hosts.filter((host) => !hosts.includes(host));
    this.routes.set(id, structuredClone(wanted));
    this.changes.push({ kind: 'ensure', id });
  }

  async ensureHosts(route: Pick<Route, 'id' | 'hosts' | 'httpsOnly'>): Promise<void> {
    requireHosts(route);
    this.requireUp();
    const held = this.routes.get(route.id);
    if (held) await this.ensure({ ...route, upstreams: held.upstreams });
  }

  async ensureCertificate(host: string, certificate: OwnCertificate | null): Promise<void> {
    requireHostname(host);
    this.requireUp();
    if (certificate) this.certificates.set(host, certificate);
    else this.certificates.delete(host);
  }

  async ensureAbsent(id: string): Promise<void> {
    this.requireUp();
    if (this.routes.delete(id)) this.changes.push({ kind: 'ensureAbsent', id });
  }

  async inFlight(upstreams: string[]): Promise<Record<string, number>> {
    this.requireUp();
    return Object.fromEntries(upstreams.map((upstream) => [upstream, this.load.get(upstream) ?? 0]));
  }

  /** One request was answered. Every open reader is told. */
  served(host: string, { status = 200, milliseconds = 1 }: { status?: number; milliseconds?: number } = {}): void {
    for (const told of this.readers) {
      const traffic = told.get(host) ?? { requests: 0, errors: 0, durations: new Durations() };
      traffic.requests += 1;
      if (status >= 500) traffic.errors += 1;
      traffic.durations.add(milliseconds);
      told.set(host, traffic);
    }
  }

  /** A reader begins with its first read. */
  traffic(): TrafficReader {
    const told = new Map<string, HostTraffic>();
    return {
      read: async () => {
        this.requireUp();
        const since = new Map(told);
        told.clear();
        this.readers.add(told);
        return since;
      },
      close: async () => void this.readers.delete(told),
    };
  }

  private requireUp(): void {
    if (!this.up) throw new Unavailable('ingress_unavailable', 'The ingress does not answer.');
  }
}
