/** What our running containers have used: one list call, then the kernel's files on this machine or one call per container elsewhere. */
import type { Owner, WorkloadUsage } from '../port.js';
import { isLocal } from './address.js';
import { CgroupUsage, type Counters } from './cgroup-usage.js';
import type { EngineClient } from './client.js';
import { refusedWith } from './errors.js';
import { ownerFilter, readWorkloadLabels } from './labels.js';
import type { WireListed, WireStats } from './wire.js';

/** Measured on 20.10: asked again within a second, the engine lets a caller wait for the end of that second. So not one after another. */
const CALLS_AT_ONCE = 16;

export class UsageReader {
  constructor(
    private readonly engine: EngineClient,
    private readonly files = new CgroupUsage(),
  ) {}

  async usage(owner: Owner): Promise<WorkloadUsage[]> {
    const query = { filters: { ...ownerFilter(owner), status: ['running'] } };
    const listed = await this.engine.call<WireListed[]>({ method: 'GET', path: '/containers/json', query });
    const found: WorkloadUsage[] = [];
    const next = listed.values();
    const readAll = async () => {
      for (const container of next) {
        const counters = await this.countersOf(container.Id);
        if (counters) found.push(usageOf(container, counters));
      }
    };
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, readAll));
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  private async countersOf(id: string): Promise<Counters | null> {
    const local = isLocal(this.engine.address) ? this.files.read(id) : null;
    return local ?? (await this.stats(id));
  }

  /** Null when the container has ended meanwhile. `one-shot` spares a second look of the engine. */
  private async stats(id: string): Promise<Counters | null> {
    try {
      const query = { stream: false, 'one-shot': true };
      const path = `/containers/${id}/stats`;
      return countersOfStats(await this.engine.call<WireStats>({ method: 'GET', path, query }));
    } catch (error) {
      if (refusedWith(error, 404) || refusedWith(error, 409)) return null;
      throw error;
    }
  }
}

function usageOf(container: WireListed, counters: Counters): WorkloadUsage {
  const name = (container.Names[0] ?? container.Id).replace(/^\//, '');
  return { id: container.Id, name, labels: readWorkloadLabels(container.Labels), ...counters };
}

/** A container that does not run any more has no memory figures. */
export function countersOfStats({ cpu_stats: cpu, memory_stats: memory, networks }: WireStats): Counters | null {
  if (memory?.usage === undefined || cpu?.cpu_usage === undefined) return null;
  const inactive = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0;
  const all = networks ? Object.values(networks) : null;
  return {
    cpuSeconds: cpu.cpu_usage.total_usage / 1e9,
    memoryBytes: Math.max(memory.usage - inactive, 0),
    network: all && {
      inBytes: all.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0),
      outBytes: all.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0),
    },
  };
}
