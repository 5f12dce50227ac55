/** Ingress in memory, for tests of what is built on it. Behaves as the real one in everything that conformance.ts asks. */
import { Unavailable } from '#platform/errors.js';
import { requireRoute } from './names.js';
import type { Ingress, Route } from './port.js';

export class FakeIngress implements Ingress {
  readonly routes = new Map<string, Route>();
  /** Requests in flight per upstream; tests set it. */
  readonly load = new Map<string, number>();
  /** Every change that reached the ingress, oldest first. Unchanged ensures are not in it. */
  readonly changes: { kind: 'ensure' | 'ensureAbsent'; id: string }[] = [];
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
    this.requireUp();
    if (JSON.stringify(this.routes.get(id)) === JSON.stringify({ id, hosts, upstreams })) return;
    // A host belongs to the last one that asked for it.
    for (const other of this.routes.values()) other.hosts = other.hosts.filter((host) => !hosts.includes(host));
    this.routes.set(id, structuredClone({ id, hosts, upstreams }));
    this.changes.push({ kind: 'ensure', id });
  }

  async ensureAbsent(id: string): Promise<void> {
    this.requireUp();
    if (this.routes.delete(id)) this.changes.push({ kind: 'ensureAbsent', id });
  }

  async inFlight(upstreams: string[]): Promise<Record<string, number>> {
    this.requireUp();
    return Object.fromEntries(upstreams.map((upstream) => [upstream, this.load.get(upstream) ?? 0]));
  }

  private requireUp(): void {
    if (!this.up) throw new Unavailable('ingress_unavailable', 'The ingress does not answer.');
  }
}
