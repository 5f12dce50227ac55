/** What every part of the suite works with. The runtime is there from `beforeAll` on. */
import { randomUUID } from 'node:crypto';
import type { ContainerRuntime, Handle, Owner, WorkloadSpec } from '../port.js';

export interface Subject {
  runtime: ContainerRuntime;
  /** An image with /bin/sh that listens on $PORT and logs a line each 100 ms. */
  image: string;
  dispose(): Promise<void>;
}

export const PORT = 4321;
export const never = new AbortController().signal;

/** Looks again until `check` is satisfied; fails loudly after 15 s. */
export async function eventually<T>(look: () => Promise<T>, check: (seen: T) => boolean): Promise<T> {
  const deadline = Date.now() + 40_000;
  for (;;) {
    const seen = await look();
    if (check(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`never happened; last seen: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export class Bench {
  readonly run = randomUUID().slice(0, 8);
  readonly mine: Owner = { installation: randomUUID() };
  readonly other: Owner = { installation: randomUUID() };
  readonly network = `conf-${this.run}`;
  subject: Subject;
  private counter = 0;

  get runtime(): ContainerRuntime {
    return this.subject.runtime;
  }

  labels(owner = this.mine) {
    return { ...owner, project: 'p1', service: 's1', deployment: 'd1' };
  }

  spec(change: Partial<WorkloadSpec> = {}): WorkloadSpec {
    return {
      name: `conf-${this.run}-${this.counter++}`,
      labels: { ...this.labels(), role: 'release', replica: 0 },
      image: this.subject.image,
      env: { PORT: String(PORT) },
      network: this.network,
      aliases: ['web'],
      limits: { cpus: 0.5, memoryBytes: 64 * 1024 * 1024, pids: 64 },
      mounts: [],
      restart: 'always',
      graceSeconds: 5,
      ...change,
    };
  }

  job(script: string): WorkloadSpec {
    return this.spec({ command: ['/bin/sh', '-c', script], restart: 'never' });
  }

  theirs(): WorkloadSpec {
    return this.spec({ labels: { ...this.labels(this.other), role: 'release', replica: 0 } });
  }

  start(wanted: WorkloadSpec): Promise<Handle> {
    return this.runtime.ensureRunning(wanted, never);
  }

  async removeWorkloads(): Promise<void> {
    for (const owner of [this.mine, this.other]) {
      for (const left of await this.runtime.observe(owner)) {
        await this.runtime.ensureAbsent(left.name, owner, { graceSeconds: 0 });
      }
    }
  }

  async removeStores(): Promise<void> {
    for (const owner of [this.mine, this.other]) {
      for (const { name } of await this.runtime.networks.observe(owner))
        await this.runtime.networks.ensureAbsent(name, owner);
      for (const { name } of await this.runtime.volumes.observe(owner))
        await this.runtime.volumes.ensureAbsent(name, owner);
    }
  }
}
