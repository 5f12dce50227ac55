/** Named volumes. They hold people's data: removed only by name, only when ours, never by the removal of a container. */
import { Conflict } from '#platform/errors.js';
import type { Owner, VolumeStore } from '../port.js';
import type { EngineClient } from './client.js';
import { nameTaken, refusedWith } from './errors.js';
import { isOwned, LABEL, ownedLabels, ownerFilter } from './labels.js';
import type { WireVolume } from './wire.js';

export class Volumes implements VolumeStore {
  constructor(private readonly engine: EngineClient) {}

  /** One call: for a name that exists Docker answers with what is there, whatever labels we ask for. */
  async ensure(name: string, labels: Owner & { project: string; service: string }): Promise<void> {
    const body = { Name: name, Labels: ownedLabels(labels) };
    const volume = await this.engine.call<WireVolume>({ method: 'POST', path: '/volumes/create', body });
    if (!isOwned(volume.Labels, labels)) throw nameTaken('volume', name);
  }

  /** Conflict `volume_in_use` while a container, running or not, mounts it. */
  async ensureAbsent(name: string, owner: Owner): Promise<void> {
    const path = `/volumes/${encodeURIComponent(name)}`;
    try {
      const volume = await this.engine.call<WireVolume>({ method: 'GET', path });
      if (!isOwned(volume.Labels, owner)) return;
      await this.engine.call({ method: 'DELETE', path, timeoutMs: 30_000 });
    } catch (error) {
      if (refusedWith(error, 404)) return;
      if (!refusedWith(error, 409)) throw error;
      const message = `The volume ${name} is in use by a container; remove the container first.`;
      throw new Conflict('volume_in_use', message, { cause: error });
    }
  }

  async observe(owner: Owner): Promise<{ name: string; project: string; service: string }[]> {
    const query = { filters: ownerFilter(owner) };
    const { Volumes: found } = await this.engine.call<{ Volumes: WireVolume[] | null }>({
      method: 'GET',
      path: '/volumes',
      query,
    });
    return (found ?? []).map(({ Name, Labels }) => ({
      name: Name,
      project: Labels?.[LABEL.project] ?? '',
      service: Labels?.[LABEL.service] ?? '',
    }));
  }
}
