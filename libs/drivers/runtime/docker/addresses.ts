/**
 * A fixed address for each container. The engine hands its own choices out anew whenever it restarts, first come first served, and until the
 * routes are put right requests then reach another app of the project. An address that we ask for is kept for as long as the container exists.
 * The engine grants it only in networks whose subnet was named when they were made (`--ip` of `docker run`); see networks.ts.
 */
import { randomInt } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { Capacity } from '#platform/errors.js';
import type { EngineClient } from './client.js';
import type { WireListed } from './wire.js';

/** A container that is just being made is not in the list yet; after this long it is, or it never will be. */
const PENDING_MS = 60_000;

export class Addresses {
  private readonly subnets = new Map<string, string>();
  /** `network address` -> until when. */
  private readonly pending = new Map<string, number>();

  constructor(private readonly engine: EngineClient) {}

  /** What `choose` may use from now on. @param subnet CIDR; null: the engine chooses */
  know(network: string, subnet: string | null): void {
    if (subnet === null) this.subnets.delete(network);
    else this.subnets.set(network, subnet);
  }

  /**
   * A free address by chance, so that one that has just become free is not soon used by something else. Undefined: the engine chooses.
   * Two processes may choose the same: the engine refuses it to the second when it starts.
   * @throws Capacity `network_full`
   */
  async choose(network: string): Promise<string | undefined> {
    const subnet = this.subnets.get(network);
    if (subnet === undefined) return undefined;
    const address = freeAddress(subnet, new Set([...(await this.taken(network)), ...this.promised(network)]));
    if (address === null) {
      const message =
        'The private network of this project has no free address left; stop services or replicas you do not need.';
      throw new Capacity('network_full', message);
    }
    this.pending.set(`${network} ${address}`, Date.now() + PENDING_MS);
    return address;
  }

  /** Of containers that run and of those that are stopped: the latter ask for theirs when they start. */
  private async taken(network: string): Promise<string[]> {
    const query = { all: true, filters: { network: [network] } };
    const listed = await this.engine.call<WireListed[]>({ method: 'GET', path: '/containers/json', query });
    const endpoints = listed.map(({ NetworkSettings }) => NetworkSettings?.Networks?.[network]);
    return endpoints.flatMap((endpoint) => [endpoint?.IPAddress ?? '', endpoint?.IPAMConfig?.IPv4Address ?? '']);
  }

  private promised(network: string): string[] {
    const now = Date.now();
    for (const [key, until] of this.pending) if (until < now) this.pending.delete(key);
    const mine = [...this.pending.keys()].map((key) => key.split(' '));
    return mine.flatMap(([name, address]) => (name === network && address ? [address] : []));
  }
}

/** One of the subnet's addresses that is not taken; the first is left to the gateway, the last is the broadcast. Null when there is none. */
export function freeAddress(
  subnet: string,
  taken: Set<string>,
  random: (below: number) => number = randomInt,
): string | null {
  const first = numberOf(ipaddr.IPv4.networkAddressFromCIDR(subnet)) + 2;
  const count = numberOf(ipaddr.IPv4.broadcastAddressFromCIDR(subnet)) - first;
  if (count <= 0) return null;
  const start = random(count);
  // The next free one after a place drawn by lot; as many looks as there are addresses that could be taken.
  for (let step = 0; step < Math.min(count, taken.size + 1); step++) {
    const address = dotted(first + ((start + step) % count));
    if (!taken.has(address)) return address;
  }
  return null;
}

export const numberOf = (address: ipaddr.IPv4): number => address.octets.reduce((sum, octet) => sum * 256 + octet, 0);

export const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
