/** The life of a container of the fake engine: made, started, ended, removed. */
import { randomBytes } from 'node:crypto';
import { Invalid, NotFound } from '#platform/errors.js';
import { specHash } from './docker/labels.js';
import { type FakeImages, type FakeNetworks, imageUnavailable } from './fake-stores.js';
import { type Behaviour, type FakeWorkload, type FakeWorld, nameTaken } from './fake-world.js';
import type { WorkloadSpec } from './port.js';

/** `exit 3` inside a command ends it with 3; `/nonexistent` cannot be started; everything else runs until it is stopped. */
export function defaultBehaviour(command: string[]): Behaviour {
  if (command[0] === '/nonexistent') return { startError: 'exec: "/nonexistent": no such file or directory' };
  const code = /\bexit (\d+)/.exec(command.join(' '))?.[1];
  return code === undefined || /\bsleep\b/.test(command.join(' ')) ? {} : { exitCode: Number(code) };
}

export class FakeContainers {
  private addresses = 1;
  private nanoseconds = 0n;

  constructor(
    private readonly world: FakeWorld,
    private readonly images: FakeImages,
    private readonly networks: FakeNetworks,
    private readonly behaviour: (command: string[], spec: WorkloadSpec) => Behaviour,
  ) {}

  reuse(spec: WorkloadSpec): FakeWorkload | null {
    const existing = this.world.workloads.get(spec.name);
    if (!existing) return null;
    if (existing.labels.installation !== spec.labels.installation) throw nameTaken('container', spec.name);
    if (specHash(existing.spec) === specHash(spec)) return existing;
    if (!this.images.get(spec.image)) throw imageUnavailable(spec.image);
    this.delete(existing);
    return null;
  }

  create(spec: WorkloadSpec): FakeWorkload {
    const image = this.images.get(spec.image);
    if (!image) throw imageUnavailable(spec.image);
    if (!this.networks.items.has(spec.network))
      throw new NotFound('engine_not_found', `network ${spec.network} not found`);
    const workload: FakeWorkload = {
      id: randomBytes(32).toString('hex'),
      name: spec.name,
      labels: { ...spec.labels },
      spec: structuredClone(spec),
      state: 'created',
      health: null,
      address: null,
      image: image.id,
      exitCode: null,
      oomKilled: false,
      restarts: 0,
      startedAt: null,
      lines: [],
      used: { cpuSeconds: 0, memoryBytes: 0, network: { inBytes: 0, outBytes: 0 } },
      listening: [{ address: '0.0.0.0', port: Number(spec.env.PORT ?? image.exposedPorts[0] ?? 3000) }],
    };
    this.world.workloads.set(spec.name, workload);
    return workload;
  }

  begin(workload: FakeWorkload): void {
    const { exitCode, startError } = this.behaviour(workload.spec.command ?? [], workload.spec);
    if (startError) throw new Invalid('start_failed', `The container cannot start: ${startError}.`);
    workload.state = 'running';
    workload.exitCode = null;
    workload.health = this.images.get(workload.image)?.healthcheck ? 'starting' : null;
    workload.startedAt = this.now();
    this.addresses += 1;
    workload.address = `127.0.${this.addresses >> 8}.${this.addresses & 255}`;
    this.world.emit('started', workload);
    if (exitCode !== undefined) setImmediate(() => this.exit(workload, exitCode));
  }

  exit(workload: FakeWorkload, exitCode: number, oomKilled = false): void {
    if (workload.state !== 'running') return;
    Object.assign(workload, { state: 'exited', exitCode, oomKilled, address: null });
    this.world.emit('died', workload);
  }

  delete(workload: FakeWorkload): void {
    this.exit(workload, 143);
    this.world.workloads.delete(workload.name);
    this.world.emit('removed', workload);
  }

  /** Strictly increasing, as the engine's clock nearly is. */
  now(): string {
    const wall = BigInt(Date.now()) * 1_000_000n;
    this.nanoseconds = wall > this.nanoseconds ? wall : this.nanoseconds + 1n;
    const text = this.nanoseconds.toString();
    const seconds = new Date(Number(this.nanoseconds / 1_000_000n)).toISOString().slice(0, 19);
    return `${seconds}.${text.slice(-9)}Z`;
  }
}
