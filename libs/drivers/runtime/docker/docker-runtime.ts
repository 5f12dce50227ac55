/** ContainerRuntime on a Docker Engine. The work is in the files beside; here they meet. */
import type {
  Capabilities,
  ContainerRuntime,
  Execution,
  Handle,
  ImageStore,
  ListeningSocket,
  LogLine,
  LogQuery,
  NetworkStore,
  Owner,
  Program,
  RemovalOptions,
  RuntimeEvent,
  VolumeStore,
  Workload,
  WorkloadSpec,
  WorkloadUsage,
} from '../port.js';
import { type EngineTls, engineAddress, isLocal } from './address.js';
import { Addresses } from './addresses.js';
import { EngineClient } from './client.js';
import { Containers } from './containers.js';
import { runtimeEvents } from './events.js';
import { Execs } from './exec.js';
import { Images } from './images.js';
import { Inside } from './inside.js';
import { Logs } from './logs.js';
import { Networks } from './networks.js';
import { UsageReader } from './usage.js';
import { Volumes } from './volumes.js';

export interface DockerRuntimeOptions {
  /** `unix:///path`, `tcp://host:port`; empty or absent = unix:///var/run/docker.sock. */
  dockerHost?: string;
  /** PEM texts for an engine that wants a client certificate. */
  tls?: EngineTls;
  /** Milliseconds for calls that the engine answers from memory; default 10 000. */
  shortMs?: number;
}

export class DockerRuntime implements ContainerRuntime {
  readonly capabilities: Capabilities;
  readonly images: ImageStore;
  readonly networks: NetworkStore;
  readonly volumes: VolumeStore;
  private readonly engine: EngineClient;
  private readonly containers: Containers;
  private readonly logReader: Logs;
  private readonly inside: Inside;
  private readonly execs: Execs;
  private readonly usageReader: UsageReader;

  /** Connects lazily. @throws Invalid `docker_host_invalid` */
  constructor(options: DockerRuntimeOptions = {}) {
    const address = engineAddress(options.dockerHost, options.tls);
    this.capabilities = { logs: true, exec: true, events: true, usage: true, directAddress: isLocal(address) };
    this.engine = new EngineClient(address, options.shortMs);
    this.images = new Images(this.engine);
    const addresses = new Addresses(this.engine);
    this.networks = new Networks(this.engine, addresses);
    this.volumes = new Volumes(this.engine);
    this.containers = new Containers(this.engine, addresses);
    this.logReader = new Logs(this.engine);
    this.inside = new Inside(this.engine);
    this.execs = new Execs(this.engine);
    this.usageReader = new UsageReader(this.engine);
  }

  async ping(): Promise<void> {
    await this.engine.call({ method: 'GET', path: '/_ping' });
  }

  async dataRoot(): Promise<string | null> {
    if (!this.capabilities.directAddress) return null;
    const { DockerRootDir } = await this.engine.call<{ DockerRootDir?: string }>({ method: 'GET', path: '/info' });
    return DockerRootDir ?? null;
  }

  observe(owner: Owner, filter: { service?: string } = {}): Promise<Workload[]> {
    return this.containers.observe(owner, filter.service);
  }

  find(name: string, owner: Owner): Promise<Workload | null> {
    return this.containers.find(name, owner);
  }

  ensureRunning(spec: WorkloadSpec, signal: AbortSignal): Promise<Handle> {
    return this.containers.ensureRunning(spec, signal);
  }

  ensureAbsent(name: string, owner: Owner, options: RemovalOptions = {}): Promise<void> {
    return this.containers.ensureAbsent(name, owner, options);
  }

  wait(handle: Handle, signal: AbortSignal): Promise<number> {
    return this.containers.wait(handle, signal);
  }

  logs(handle: Handle, query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine[]> {
    return this.logReader.follow(handle, query, signal);
  }

  probe(handle: Handle, test: string[], timeoutMs: number): Promise<boolean> {
    return this.inside.probe(handle, test, timeoutMs);
  }

  exec(handle: Handle, program: Program, signal: AbortSignal): Promise<Execution> {
    return this.execs.run(handle, program, signal);
  }

  limit(handle: Handle, limits: { cpus: number; memoryBytes: number }): Promise<void> {
    return this.containers.limit(handle, limits);
  }

  listening(handle: Handle): Promise<ListeningSocket[]> {
    return this.inside.listening(handle);
  }

  usage(owner: Owner): Promise<WorkloadUsage[]> {
    return this.usageReader.usage(owner);
  }

  events(owner: Owner, signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    return runtimeEvents(this.engine, owner, signal);
  }

  /** Lets go of idle connections; the runtime may still be used afterwards. */
  close(): void {
    this.engine.close();
  }
}
