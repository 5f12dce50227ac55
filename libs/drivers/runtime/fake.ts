/**
 * FakeRuntime: a Docker host in memory, for tests of the workflow. Passes conformance.ts.
 *
 * `runtime.workloads.get(name)` shows what runs; `addImage`, `crash`, `setHealth`, `setListening`, `log` play the outside world;
 * `failNext('ensureRunning', error, { after: true })` fails a verb whose effect has happened, as a crash in the middle does.
 * Verbs: the methods' names, those of the stores with a prefix (`images.ensure`, `networks.ensure`, `volumes.ensureAbsent`, ...).
 */
import { randomBytes } from 'node:crypto';
import { Conflict, NotFound } from '#platform/errors.js';
import { fixedTimestamp } from './docker/timestamps.js';
import { defaultBehaviour, FakeContainers } from './fake-containers.js';
import { FakeImages, FakeNetworks, FakeVolumes } from './fake-stores.js';
import { type Behaviour, type FakeWorkload, FakeWorld } from './fake-world.js';
import type {
  Capabilities,
  ContainerRuntime,
  Execution,
  Handle,
  ImageFacts,
  ListeningSocket,
  LogLine,
  LogQuery,
  Owner,
  Program,
  RemovalOptions,
  RuntimeEvent,
  Workload,
  WorkloadSpec,
  WorkloadUsage,
} from './port.js';

export type { Behaviour, FakeWorkload } from './fake-world.js';

export interface FakeAnswer {
  exitCode?: number;
  stdout?: string | Uint8Array;
  stderr?: string;
}

export class FakeRuntime implements ContainerRuntime {
  readonly capabilities: Capabilities = { logs: true, exec: true, events: true, usage: true, directAddress: true };
  readonly images: FakeImages;
  readonly networks: FakeNetworks;
  readonly volumes: FakeVolumes;
  readonly world = new FakeWorld();
  /** Answers of health tests and whether they come in time; a test may replace it. */
  onProbe = async (_name: string, test: string[]): Promise<boolean> => !/exit [1-9]|sleep/.test(test.join(' '));
  /** What programs answer; a test may replace it. `stdin` has been read to its end. */
  onExec = async (_name: string, _program: Program, _stdin: Buffer): Promise<FakeAnswer> => ({});
  private readonly containers: FakeContainers;

  /** @param behaviour what a command does when it is started */
  constructor(behaviour: (command: string[], spec: WorkloadSpec) => Behaviour = defaultBehaviour) {
    this.images = new FakeImages(this.world);
    this.networks = new FakeNetworks(this.world);
    this.volumes = new FakeVolumes(this.world);
    this.containers = new FakeContainers(this.world, this.images, this.networks, behaviour);
  }

  get workloads(): Map<string, FakeWorkload> {
    return this.world.workloads;
  }

  /** Every verb that was called, in order, e.g. `ensureRunning web-1`. */
  get calls(): string[] {
    return this.world.calls;
  }

  set unreachable(value: boolean) {
    this.world.unreachable = value;
  }

  /** The next call of `verb` rejects with `error`; with `after`, once its effect has happened. Several calls queue up. */
  failNext(verb: string, error: Error, options: { after?: boolean } = {}): void {
    this.world.failNext(verb, error, options);
  }

  addImage(ref: string, facts: Partial<ImageFacts> = {}): ImageFacts {
    const empty = {
      sizeBytes: 1000,
      digest: null,
      exposedPorts: [],
      healthcheck: null,
      touchedAt: new Date(),
      entrypoint: [],
      cmd: [],
      labels: {},
    };
    const image: ImageFacts = { id: `sha256:${randomBytes(32).toString('hex')}`, ...empty, ...facts };
    this.images.present.set(ref, image);
    return image;
  }

  /** The program ends by itself; restarted at once when its spec says `always`. */
  crash(name: string, { exitCode = 1, oomKilled = false }: { exitCode?: number; oomKilled?: boolean } = {}): void {
    const workload = this.require(name);
    this.containers.exit(workload, exitCode, oomKilled);
    if (workload.spec.restart !== 'always') return;
    workload.restarts += 1;
    this.containers.begin(workload);
  }

  /** Stopped or removed by hand, behind the platform's back. */
  stopByHand(name: string): void {
    this.containers.exit(this.require(name), 143);
  }

  removeByHand(name: string): void {
    this.containers.delete(this.require(name));
  }

  setHealth(name: string, health: Workload['health']): void {
    const workload = this.require(name);
    workload.health = health;
    this.world.emit('health', workload);
  }

  setListening(name: string, sockets: ListeningSocket[]): void {
    this.require(name).listening = sockets;
  }

  log(name: string, message: string, stream: LogLine['stream'] = 'stdout'): void {
    this.require(name).lines.push({ timestamp: this.containers.now(), stream, message });
    this.world.bell.ring();
  }

  /** What `usage` tells of it from now on; nothing used at first. */
  setUsage(name: string, used: Partial<FakeWorkload['used']>): void {
    Object.assign(this.require(name).used, used);
  }

  /** The connection of `events` was interrupted. */
  loseEvents(): void {
    for (const { queue } of this.world.subscribers) queue.push({ kind: 'lost', name: '', service: null });
    this.world.bell.ring();
  }

  ping(): Promise<void> {
    return this.world.run('ping', '', () => {});
  }

  dataRoot(): Promise<string | null> {
    return this.world.run('dataRoot', '', () => null);
  }

  observe(owner: Owner, filter: { service?: string } = {}): Promise<Workload[]> {
    const matches = ({ labels }: Workload) =>
      labels.installation === owner.installation && (filter.service ?? labels.service) === labels.service;
    return this.world.run('observe', '', () => [...this.workloads.values()].filter(matches).map(view));
  }

  find(name: string, owner: Owner): Promise<Workload | null> {
    return this.world.run('find', name, () => {
      const workload = this.workloads.get(name);
      return workload?.labels.installation === owner.installation ? view(workload) : null;
    });
  }

  ensureRunning(spec: WorkloadSpec, signal: AbortSignal): Promise<Handle> {
    return this.world.run('ensureRunning', spec.name, () => {
      signal.throwIfAborted();
      const workload = this.containers.reuse(spec) ?? this.containers.create(spec);
      if (workload.state !== 'running') this.containers.begin(workload);
      return { id: workload.id, name: workload.name };
    });
  }

  ensureAbsent(name: string, owner: Owner, options: RemovalOptions = {}): Promise<void> {
    return this.world.run('ensureAbsent', name, async () => {
      const workload = this.workloads.get(name);
      if (workload?.labels.installation !== owner.installation) return;
      this.containers.exit(workload, 143);
      await options.stopped?.(view(workload));
      // Somebody else may have removed it meanwhile, and another may have its name.
      if (this.workloads.get(name) === workload) this.containers.delete(workload);
    });
  }

  wait(handle: Handle, signal: AbortSignal): Promise<number> {
    return this.world.run('wait', handle.name, async () => {
      const workload = this.byHandle(handle);
      while (workload.state === 'running' && !signal.aborted) await this.world.bell.heard(signal);
      signal.throwIfAborted();
      return workload.exitCode ?? 0;
    });
  }

  async *logs(handle: Handle, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine[]> {
    const workload = await this.world.run('logs', handle.name, () => this.byHandle(handle));
    const after = query.after === undefined ? '' : fixedTimestamp(query.after);
    let at = query.tail === 'all' ? 0 : Math.max(0, workload.lines.length - query.tail);
    while (!signal.aborted) {
      const batch = workload.lines.slice(at, at + 500).filter(({ timestamp }) => timestamp > after);
      at = Math.min(at + 500, workload.lines.length);
      if (batch.length > 0) yield batch;
      if (at < workload.lines.length) continue;
      if (!query.follow || workload.state !== 'running') return;
      await this.world.bell.heard(signal);
    }
  }

  probe(handle: Handle, test: string[], _timeoutMs: number): Promise<boolean> {
    return this.world.run('probe', handle.name, async () => {
      const running = this.byHandle(handle).state === 'running';
      return running && (await this.onProbe(handle.name, test));
    });
  }

  exec(handle: Handle, program: Program, signal: AbortSignal): Promise<Execution> {
    return this.world.run('exec', `${handle.name} ${program.argv[0]}`, async () => {
      if (this.byHandle(handle).state !== 'running')
        throw new Conflict('workload_not_running', `The container ${handle.name} does not run.`);
      const chunks: Uint8Array[] = [];
      const { stdin = '' } = program;
      if (typeof stdin === 'string') chunks.push(Buffer.from(stdin));
      else for await (const chunk of stdin) chunks.push(chunk);
      signal.throwIfAborted();
      const { exitCode = 0, stdout = '', stderr = '' } = await this.onExec(handle.name, program, Buffer.concat(chunks));
      const output = (async function* () {
        yield Buffer.from(stdout);
      })();
      return { stdout: output, ended: Promise.resolve({ exitCode, stderr }) };
    });
  }

  limit(handle: Handle, limits: { cpus: number; memoryBytes: number }): Promise<void> {
    return this.world.run('limit', handle.name, () => {
      const workload = this.workloads.get(handle.name);
      if (workload?.id === handle.id && workload.state === 'running') Object.assign(workload.spec.limits, limits);
    });
  }

  listening(handle: Handle): Promise<ListeningSocket[]> {
    return this.world.run('listening', handle.name, () => {
      const workload = this.byHandle(handle);
      return workload.state === 'running' ? workload.listening : [];
    });
  }

  usage(owner: Owner): Promise<WorkloadUsage[]> {
    return this.world.run('usage', '', () =>
      [...this.workloads.values()]
        .filter(({ labels, state }) => labels.installation === owner.installation && state === 'running')
        .map(({ id, name, labels, used }) => structuredClone({ id, name, labels, ...used }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    );
  }

  async *events(owner: Owner, signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
    const subscriber = { owner, queue: [] as RuntimeEvent[] };
    this.world.subscribers.add(subscriber);
    try {
      while (!signal.aborted) {
        yield* subscriber.queue.splice(0);
        if (subscriber.queue.length === 0) await this.world.bell.heard(signal);
      }
    } finally {
      this.world.subscribers.delete(subscriber);
    }
  }

  private require(name: string): FakeWorkload {
    const workload = this.workloads.get(name);
    if (!workload) throw new Error(`the fake engine has no container ${name}; it has ${[...this.workloads.keys()]}`);
    return workload;
  }

  private byHandle(handle: Handle): FakeWorkload {
    const workload = this.workloads.get(handle.name);
    if (workload?.id === handle.id) return workload;
    throw new NotFound('workload_not_found', `The container ${handle.name} does not exist any more.`);
  }
}

/** What leaves the fake is a copy without the fake's own fields. */
function view({ spec: _spec, lines: _lines, listening: _listening, used: _used, ...workload }: FakeWorkload): Workload {
  return structuredClone(workload);
}
