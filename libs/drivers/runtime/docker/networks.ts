/** Private bridge networks, in which containers have fixed addresses (addresses.ts). Docker allows two networks of one name, so races are detected and repaired here. */
import { randomUUID } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { Capacity, Conflict } from '#platform/errors.js';
import type { NetworkStore, Owner } from '../port.js';
import { isLocal } from './address.js';
import type { Addresses } from './addresses.js';
import type { EngineClient } from './client.js';
import { nameTaken, refusalOf, refusedWith } from './errors.js';
import { isOwned, LABEL, ownedLabels, ownerFilter } from './labels.js';
import { freeSubnets } from './subnets.js';
import type { WireNetwork } from './wire.js';

type NetworkLabels = Owner & { project: string };

/** "could not find an available, non-overlapping IPv4 address pool among the defaults" (20.10), "all predefined address pools have been fully subnetted" (27). */
const POOLS_EXHAUSTED = /non-overlapping IPv4 address pool|predefined address pools/i;
const OVERLAP = /overlaps? with|conflicts with network/i;
const FIXED = 'fixed';
const NOBODY = '00000000-0000-0000-0000-000000000000';
const TRIALS = 3;
const ACTIVE = /active endpoints/i;

export class Networks implements NetworkStore {
  constructor(
    private readonly engine: EngineClient,
    private readonly addresses: Addresses,
  ) {}

  /** One call when it is there; else it is made, and looked at again: somebody may have made the same one meanwhile. */
  async ensure(name: string, labels: NetworkLabels): Promise<void> {
    if (await this.settle(name, labels)) return;
    await this.make(name, labels);
    await this.settle(name, labels);
  }

  /** Gone when it is ours; a network of that name that is not ours is left alone. Conflict `network_in_use` while containers are in it. */
  async ensureAbsent(name: string, owner: Owner): Promise<void> {
    for (const network of await this.named(name)) {
      if (isOwned(network.Labels, owner)) await this.remove(network);
    }
  }

  async observe(owner: Owner): Promise<{ name: string; project: string }[]> {
    const query = { filters: ownerFilter(owner) };
    const found = await this.engine.call<WireNetwork[]>({ method: 'GET', path: '/networks', query });
    return found.map(({ Name, Labels }) => ({ name: Name, project: Labels?.[LABEL.project] ?? '' }));
  }

  /** True when exactly one network of that name is left and it is ours. */
  private async settle(name: string, labels: NetworkLabels): Promise<boolean> {
    const found = await this.named(name);
    if (found.some((network) => !isOwned(network.Labels, labels))) throw nameTaken('network', name);
    if (found.length > 1) await this.dropDuplicates(found);
    const [only] = found;
    // Two at this moment: which one stays is known at the next call.
    this.addresses.know(name, only && found.length === 1 ? fixedSubnet(only) : null);
    return found.length > 0;
  }

  /** Every racer keeps the oldest, unless it cannot remove a younger one because containers are in it already. */
  private async dropDuplicates(found: WireNetwork[]): Promise<void> {
    const keyOf = (network: WireNetwork) => `${network.Created} ${network.Id}`;
    const [oldest, ...younger] = found.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    for (const network of younger) {
      const busy = await this.delete(network).then(
        () => false,
        (error) => refusedWith(error, 403, ACTIVE) || Promise.reject(error),
      );
      if (busy && oldest) await this.delete(oldest);
    }
  }

  private async named(name: string): Promise<WireNetwork[]> {
    // Docker's name filter matches parts of names.
    const query = { filters: { name: [name] } };
    const found = await this.engine.call<WireNetwork[]>({ method: 'GET', path: '/networks', query });
    return found.filter((network) => network.Name === name);
  }

  /**
   * The engine says which subnet it would choose, by its own settings and the machine's routes; the network is then made with that one named,
   * because only so its containers may ask for their address.
   * @throws Capacity `networks_exhausted`
   */
  private async make(name: string, labels: NetworkLabels): Promise<void> {
    const owned = { ...ownedLabels(labels), [LABEL.addresses]: FIXED };
    for await (const subnet of this.offers(labels)) {
      try {
        await this.create(name, owned, subnet);
        return;
      } catch (error) {
        if (refusedWith(error, 409, /already exists/i)) return;
        // Somebody took it since we looked, or the host routes it elsewhere: the next one.
        if (!OVERLAP.test(refusalOf(error)?.reason ?? '')) throw error;
      }
    }
    const message = 'The Docker host has no free subnet for another network; remove unused projects or networks.';
    throw new Capacity('networks_exhausted', message);
  }

  /** The engine's own choice; one of our range when its pools are used up, or when others are quicker every time. */
  private async *offers(labels: NetworkLabels): AsyncGenerator<string> {
    for (let round = 0; round < TRIALS; round++) {
      const subnet = await this.trial(labels);
      if (subnet === null) break;
      yield subnet;
    }
    yield* freeSubnets(await this.takenSubnets());
  }

  /** Null when the pools are used up. The trial belongs to no project: what a killed process leaves of it is removed with what nobody owns. */
  private async trial({ installation }: NetworkLabels): Promise<string | null> {
    try {
      const labels = ownedLabels({ installation, project: NOBODY });
      const id = await this.create(`containr-trial-${randomUUID()}`, labels);
      const made = await this.engine.call<WireNetwork>({ method: 'GET', path: `/networks/${id}` });
      await this.delete(made);
      return subnetOf(made);
    } catch (error) {
      if (POOLS_EXHAUSTED.test(refusalOf(error)?.reason ?? '')) return null;
      throw error;
    }
  }

  private async create(name: string, labels: Record<string, string>, subnet?: string): Promise<string> {
    const body = {
      Name: name,
      CheckDuplicate: true,
      Driver: 'bridge',
      Labels: labels,
      // The services of one project may talk to each other; Docker keeps bridges apart from each other.
      Options: { 'com.docker.network.bridge.enable_icc': 'true' },
      IPAM: subnet ? { Config: [{ Subnet: subnet }] } : undefined,
    };
    const made = { method: 'POST' as const, path: '/networks/create', body, timeoutMs: 30_000 };
    return (await this.engine.call<{ Id: string }>(made)).Id;
  }

  /** Docker checks a subnet that we name against its own networks only, so the machine's addresses are ours to avoid. */
  private async takenSubnets(): Promise<string[]> {
    const networks = await this.engine.call<WireNetwork[]>({ method: 'GET', path: '/networks' });
    const docker = networks.flatMap((network) => network.IPAM?.Config ?? []).map((config) => config.Subnet ?? '');
    if (!isLocal(this.engine.address)) return docker;
    const machine = Object.values(networkInterfaces()).flatMap((interfaces) => interfaces ?? []);
    return [...docker, ...machine.map((address) => address.cidr ?? '')];
  }

  private async remove(network: WireNetwork): Promise<void> {
    try {
      await this.delete(network);
    } catch (error) {
      if (!refusedWith(error, 403, ACTIVE)) throw error;
      if (await this.dropGhosts(network)) return this.delete(network);
      const message = `The network ${network.Name} is in use by a container that is not removed; remove the container first.`;
      throw new Conflict('network_in_use', message, { cause: error });
    }
  }

  private async delete(network: WireNetwork): Promise<void> {
    try {
      await this.engine.call({ method: 'DELETE', path: `/networks/${network.Id}`, timeoutMs: 30_000 });
    } catch (error) {
      if (!refusedWith(error, 404)) throw error;
    }
  }

  /** An engine that was killed can leave endpoints of containers it has forgotten. True when only such ones were there, now cut off. */
  private async dropGhosts(network: WireNetwork): Promise<boolean> {
    const path = `/networks/${network.Id}`;
    const seen = await this.engine.call<WireNetwork>({ method: 'GET', path });
    const endpoints = Object.entries(seen.Containers ?? {});
    if (!endpoints.every(([id]) => id.startsWith('ep-'))) return false;
    for (const [, { Name }] of endpoints) {
      await this.engine.call({ method: 'POST', path: `${path}/disconnect`, body: { Container: Name, Force: true } });
    }
    return true;
  }
}

const subnetOf = (network: WireNetwork): string | null =>
  network.IPAM?.Config?.find(({ Subnet }) => Subnet && !Subnet.includes(':'))?.Subnet ?? null;

/** Null for a network that was made before addresses were fixed: there the engine refuses to be asked. */
const fixedSubnet = (network: WireNetwork) => (network.Labels?.[LABEL.addresses] === FIXED ? subnetOf(network) : null);
