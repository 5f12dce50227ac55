/** Images, networks and volumes of the fake engine. */
import { Conflict, Invalid } from '#platform/errors.js';
import { parseImageRef } from './docker/image-ref.js';
import { type FakeWorld, nameTaken } from './fake-world.js';
import type { ImageFacts, ImageStore, NetworkStore, OwnedImage, Owner, VolumeStore } from './port.js';

export class FakeImages implements ImageStore {
  /** On the host, by reference. */
  readonly present = new Map<string, ImageFacts>();
  /** What a pull would find. */
  readonly registry = new Map<string, ImageFacts>();

  constructor(private readonly world: FakeWorld) {}

  /** By reference or id. */
  get(ref: string): ImageFacts | null {
    return this.present.get(ref) ?? [...this.present.values()].find((facts) => facts.id === ref) ?? null;
  }

  find(ref: string): Promise<ImageFacts | null> {
    return this.world.run('images.find', ref, () => {
      parseImageRef(ref);
      return this.get(ref);
    });
  }

  ensure(ref: string, onProgress: (line: string) => void, signal: AbortSignal): Promise<ImageFacts> {
    return this.world.run('images.ensure', ref, () => {
      signal.throwIfAborted();
      parseImageRef(ref);
      const facts = this.get(ref) ?? this.registry.get(ref);
      if (!facts) throw imageUnavailable(ref);
      if (!this.get(ref)) onProgress(`Pulling ${ref}`);
      this.present.set(ref, facts);
      return facts;
    });
  }

  push(image: string, ref: string): Promise<{ digest: string | null }> {
    return this.world.run('images.push', ref, () => {
      const facts = this.get(image);
      if (!facts) throw new Invalid('image_gone', `The image ${image} is not on the host: build it again.`);
      this.registry.set(ref, facts);
      return { digest: facts.id };
    });
  }

  ensureAbsent(ref: string): Promise<void> {
    return this.world.run('images.ensureAbsent', ref, () => {
      parseImageRef(ref);
      const id = this.get(ref)?.id;
      const used = [...this.world.workloads.values()].some((workload) => workload.image === id);
      if (used) return;
      for (const [key, facts] of this.present) if (key === ref || facts.id === ref) this.present.delete(key);
    });
  }

  observe(owner: Owner): Promise<OwnedImage[]> {
    return this.world.run('images.observe', '', () => {
      const ours = [...this.present.values()].filter(
        ({ labels }) => labels['containr.installation'] === owner.installation,
      );
      return [...new Set(ours.map(({ id }) => id))].map((id) => ({
        id,
        tags: [...this.present].filter(([ref, facts]) => facts.id === id && ref !== id).map(([ref]) => ref),
        service: ours.find((facts) => facts.id === id)?.labels['containr.service'] ?? null,
      }));
    });
  }

  /** No layers here: every image takes its whole size. */
  uniqueSizes(): Promise<Map<string, number>> {
    return this.world.run(
      'images.uniqueSizes',
      '',
      () => new Map([...this.present.values()].map(({ id, sizeBytes }) => [id, sizeBytes])),
    );
  }
}

export function imageUnavailable(ref: string): Invalid {
  const message = `The image ${ref} is not on the host and cannot be pulled: the fake registry does not have it.`;
  return new Invalid('image_unavailable', message, { details: { image: ref } });
}

type NetworkLabels = Owner & { project: string };
type VolumeLabels = NetworkLabels & { service: string };

/** Networks and volumes differ in their words only. */
class FakeStore<L extends Owner> {
  readonly items = new Map<string, L>();

  constructor(
    private readonly world: FakeWorld,
    private readonly kind: 'network' | 'volume',
    private readonly inUse: (name: string) => boolean,
  ) {}

  ensure(name: string, labels: L): Promise<void> {
    return this.world.run(`${this.kind}s.ensure`, name, () => {
      const found = this.items.get(name);
      if (found && found.installation !== labels.installation) throw nameTaken(this.kind, name);
      if (!found) this.items.set(name, labels);
    });
  }

  ensureAbsent(name: string, owner: Owner): Promise<void> {
    return this.world.run(`${this.kind}s.ensureAbsent`, name, () => {
      if (this.items.get(name)?.installation !== owner.installation) return;
      if (this.inUse(name))
        throw new Conflict(`${this.kind}_in_use`, `The ${this.kind} ${name} is in use by a container.`);
      this.items.delete(name);
    });
  }

  protected owned(owner: Owner): Promise<[string, L][]> {
    return this.world.run(`${this.kind}s.observe`, '', () =>
      [...this.items].filter(([, labels]) => labels.installation === owner.installation),
    );
  }
}

export class FakeNetworks extends FakeStore<NetworkLabels> implements NetworkStore {
  constructor(world: FakeWorld) {
    const attached = (name: string) =>
      [...world.workloads.values()].some(({ spec, state }) => spec.network === name && state === 'running');
    super(world, 'network', attached);
  }

  async observe(owner: Owner): Promise<{ name: string; project: string }[]> {
    return (await this.owned(owner)).map(([name, { project }]) => ({ name, project }));
  }
}

export class FakeVolumes extends FakeStore<VolumeLabels> implements VolumeStore {
  constructor(world: FakeWorld) {
    const mounted = (name: string) =>
      [...world.workloads.values()].some(({ spec }) => spec.mounts.some((mount) => mount.volume === name));
    super(world, 'volume', mounted);
  }

  async observe(owner: Owner): Promise<{ name: string; project: string; service: string }[]> {
    return (await this.owned(owner)).map(([name, { project, service }]) => ({ name, project, service }));
  }
}
