/**
 * ContainerRuntime: containers on one host. Implementations: docker (real), fake (tests). All pass `conformance.ts`.
 *
 * Verbs are `ensure*`: calling one twice is the same as calling it once, and calling it after a crash in the middle finishes the work.
 * Names are chosen by the caller (in the plan), never here. Everything made carries the owner's labels; what does not carry
 * this installation's label is never changed or removed, even when its name collides (then: Conflict `name_taken`).
 *
 * Errors: Unavailable (engine unreachable, transient), Invalid (the user's image/spec cannot run; message is shown to the user),
 * Conflict, NotFound, Capacity. `signal` aborts the call: it then rejects with signal.reason.
 */
export interface Owner {
  /** id of this Containr installation (a UUID): two installations on one engine never see each other. */
  installation: string;
}

/** What a workload is for. `release` = replica of a deployment; `job` = one execution of a cron service; `database` = a managed database. */
export type WorkloadRole = 'release' | 'job' | 'database';

export interface WorkloadLabels extends Owner {
  project: string;
  service: string;
  deployment: string;
  role: WorkloadRole;
  /** 0-based index of the replica; 0 for jobs. */
  replica: number;
}

export interface WorkloadSpec {
  /** Container name, unique on the host. */
  name: string;
  labels: WorkloadLabels;
  /** Image id (`sha256:...`) or reference that is already on the host. */
  image: string;
  /** Replaces the image's Entrypoint and Cmd when given. */
  command?: string[];
  /** Replaces the image's Cmd only; without meaning beside `command`. */
  arguments?: string[];
  env: Record<string, string>;
  /** Name of a network made by `networks.ensure`. */
  network: string;
  /** DNS names of this container inside `network`. */
  aliases: string[];
  limits: {
    /** CPU cores, e.g. 0.5. */
    cpus: number;
    memoryBytes: number;
    pids: number;
  };
  mounts: { volume: string; path: string }[];
  /** Whether a change of `limits` alone replaces the container; without it, it does. */
  limitsInPlace?: boolean;
  /** `always`: restarted by the engine when it exits and after an engine restart; `never`: runs once. */
  restart: 'always' | 'never';
  /** Overrides the image's StopSignal, e.g. `SIGTERM`. */
  stopSignal?: string;
  /** Seconds between the stop signal and SIGKILL. */
  graceSeconds: number;
}

export type WorkloadState = 'created' | 'running' | 'restarting' | 'paused' | 'exited' | 'dead';

/** JSON-serialisable pointer to a container. */
export interface Handle {
  id: string;
  name: string;
}

export interface Workload extends Handle {
  labels: WorkloadLabels;
  state: WorkloadState;
  /** Result of the image's HEALTHCHECK as the engine sees it; null when it has none. */
  health: 'starting' | 'healthy' | 'unhealthy' | null;
  /** IP address inside its network that the platform can dial; null while it has none. */
  address: string | null;
  /** Image id. */
  image: string;
  exitCode: number | null;
  oomKilled: boolean;
  restarts: number;
  /** RFC 3339 with nanoseconds as the engine gives it, null when never started. */
  startedAt: string | null;
}

export interface ImageFacts {
  /** `sha256:...` */
  id: string;
  sizeBytes: number;
  /** Registry digest when known. */
  digest: string | null;
  /** TCP ports of EXPOSE, ascending. */
  exposedPorts: number[];
  healthcheck: { test: string[]; timeoutMs: number } | null;
  /** When it was made or last tagged on this host, whichever is later: a build from cache makes a new image with an old date. */
  touchedAt: Date;
  entrypoint: string[];
  cmd: string[];
  labels: Record<string, string>;
}

/** An image that carries the owner's label. */
export interface OwnedImage {
  /** `sha256:...` */
  id: string;
  /** References it has, e.g. `containr/<service>:<deployment>`; none for what lost its tag. */
  tags: string[];
  service: string | null;
}

export interface LogLine {
  /** RFC 3339 with nanoseconds, as the engine stamped it. */
  timestamp: string;
  stream: 'stdout' | 'stderr';
  message: string;
}

export interface LogQuery {
  /** Last N lines; `all` for everything stored. */
  tail: number | 'all';
  follow: boolean;
  /** Only lines strictly after this timestamp (RFC 3339 with nanoseconds). */
  after?: string;
}

export interface RemovalOptions {
  /** Seconds between the stop signal and SIGKILL; without it those of the spec. */
  graceSeconds?: number;
  /** Called once the program has ended, while its output can still be read; the removal waits for it. Rejects: nothing is removed. */
  stopped?: (workload: Workload) => Promise<void>;
}

export interface RuntimeEvent {
  /** `lost` = the stream was interrupted: compare everything again. */
  kind: 'started' | 'died' | 'removed' | 'health' | 'lost';
  name: string;
  service: string | null;
}

/** A socket in state LISTEN inside a container. */
export interface ListeningSocket {
  /** `0.0.0.0`, `::`, `127.0.0.1`, ... */
  address: string;
  port: number;
}

/** Counters of one running container. They begin at zero with each start of the container. */
export interface WorkloadUsage extends Handle {
  labels: WorkloadLabels;
  cpuSeconds: number;
  /** In use now, without caches that the kernel can drop at once. */
  memoryBytes: number;
  /** Null when it cannot be known. */
  network: { inBytes: number; outBytes: number } | null;
}

/** A program that is run inside a container. */
export interface Program {
  argv: string[];
  /** Beside those of the container; may hold secrets, arguments may not. */
  env?: Record<string, string>;
  /** User of the image; without it the container's own. */
  user?: string;
  /** What it reads; without it nothing. */
  stdin?: AsyncIterable<Uint8Array> | string;
}

export interface Execution {
  /** What it writes, as it comes; read no faster than the reader takes it. To be read to its end. */
  stdout: AsyncIterable<Buffer>;
  /** Settles when `stdout` has been read to its end: with the exit code and the last of stderr (at most 16 KiB). */
  ended: Promise<{ exitCode: number; stderr: string }>;
}

export interface Capabilities {
  logs: boolean;
  exec: boolean;
  events: boolean;
  /** `usage` tells something; without it the answer is always []. */
  usage: boolean;
  /** The platform can dial `Workload.address` directly. */
  directAddress: boolean;
}

export interface RegistryLogin {
  username: string;
  password: string;
}

export interface ImageStore {
  /** Facts of an image on the host, null when it is not there. */
  find(ref: string): Promise<ImageFacts | null>;
  /**
   * Makes `ref` present: kept when there, else pulled.
   * @throws Invalid `image_unavailable` when it is neither here nor to be had (says which and why).
   */
  ensure(
    ref: string,
    onProgress: (line: string) => void,
    signal: AbortSignal,
    login?: RegistryLogin,
  ): Promise<ImageFacts>;
  /**
   * Gives `image` (id or reference on the host) the name `ref` in its registry. The name is on the host only while it is pushed.
   * @returns the digest that the registry knows it by
   * @throws Invalid `push_refused` (what the registry said), `image_gone`; Conflict `image_name_taken` when another image has that name on the
   * host
   */
  push(
    image: string,
    ref: string,
    onProgress: (line: string) => void,
    signal: AbortSignal,
    login?: RegistryLogin,
  ): Promise<{ digest: string | null }>;
  /**
   * Removes one tag or id; the caller passes only what its own records call its own. Never forces: an image in use stays and the call
   * returns normally, the next collection meets it again.
   */
  ensureAbsent(ref: string): Promise<void>;
  /** Images that carry the owner's label: those that were built for it. */
  observe(owner: Owner): Promise<OwnedImage[]>;
  /**
   * Image id -> bytes that would be free without it: its layers that no other image has. Layers that several images share count for none
   * of them. Costly on engines before 23, which also measure containers and volumes for it.
   */
  uniqueSizes(): Promise<Map<string, number>>;
}

export interface NetworkStore {
  /**
   * A private bridge network carrying the installation's and project's label. Containers inside may talk to each other.
   * @throws Conflict `name_taken`; Capacity `networks_exhausted` when the host has no subnet left
   */
  ensure(name: string, labels: Owner & { project: string }): Promise<void>;
  /** A network of that name that is not ours counts as absent. @throws Conflict `network_in_use` while a container is in it */
  ensureAbsent(name: string, owner: Owner): Promise<void>;
  observe(owner: Owner): Promise<{ name: string; project: string }[]>;
}

export interface VolumeStore {
  /** @throws Conflict `name_taken` */
  ensure(name: string, labels: Owner & { project: string; service: string }): Promise<void>;
  /** A volume of that name that is not ours counts as absent. @throws Conflict `volume_in_use` while a container mounts it */
  ensureAbsent(name: string, owner: Owner): Promise<void>;
  observe(owner: Owner): Promise<{ name: string; project: string; service: string }[]>;
}

export interface ContainerRuntime {
  readonly capabilities: Capabilities;
  readonly images: ImageStore;
  readonly networks: NetworkStore;
  readonly volumes: VolumeStore;
  /** Rejects with Unavailable when the engine does not answer. */
  ping(): Promise<void>;
  /** Folder of an engine on this machine that holds images, containers and volumes; null for an engine elsewhere. */
  dataRoot(): Promise<string | null>;
  /** Everything on this host that carries the owner's label, running or not. */
  observe(owner: Owner, filter?: { service?: string }): Promise<Workload[]>;
  /** One workload by name; null when absent or not ours. */
  find(name: string, owner: Owner): Promise<Workload | null>;
  /**
   * Creates and starts, starts what is stopped, leaves what runs. A container of that name made from another spec is replaced.
   * @throws Conflict `name_taken`; Invalid `image_unavailable`, `start_failed` (a container that cannot start may stay until ensureAbsent);
   * NotFound when the network is missing
   */
  ensureRunning(spec: WorkloadSpec, signal: AbortSignal): Promise<Handle>;
  /**
   * Stops (signal, grace, kill) and removes. Absent already: fine, and a container of that name that is not ours counts as absent, so that
   * the undo of a refused ensureRunning succeeds. Never removes named volumes.
   */
  ensureAbsent(name: string, owner: Owner, options?: RemovalOptions): Promise<void>;
  /** Resolves with the exit code once the container is not running; waits, does not poll. NotFound `workload_not_found` when it is gone. */
  wait(handle: Handle, signal: AbortSignal): Promise<number>;
  /**
   * Batches of at most 500 lines in the order of the engine. Following goes on across restarts and ends, normally, when the container has
   * stopped for good or is gone, or `signal` aborts. NotFound `workload_not_found` when it is gone from the start; Unavailable when the
   * connection breaks: go on with `after` = the last timestamp.
   */
  logs(handle: Handle, query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine[]>;
  /** Runs the image's health test once inside the container. False when it fails, times out, or the container does not run. */
  probe(handle: Handle, test: string[], timeoutMs: number): Promise<boolean>;
  /**
   * Runs a program inside a running container. `signal` ends the connection; the program itself then ends when it next reads or writes, as the
   * API cannot kill it. Where `capabilities.exec` is false it always rejects.
   * @throws NotFound `workload_not_found`; Conflict `workload_not_running`; Invalid `program_missing`; Unavailable when the connection
   * breaks: what the program did is not known then
   */
  exec(handle: Handle, program: Program, signal: AbortSignal): Promise<Execution>;
  /**
   * Changes CPU and memory of a running workload at once. One that is gone or not running: nothing happens, the next ensureRunning counts.
   * @throws Conflict `limits_refused` when the engine cannot (more is in use than the new limit)
   */
  limit(handle: Handle, limits: Pick<WorkloadSpec['limits'], 'cpus' | 'memoryBytes'>): Promise<void>;
  /** TCP sockets listening inside the container, [] when that cannot be known, for "your app listens on 8080, not on 3000". */
  listening(handle: Handle): Promise<ListeningSocket[]>;
  /** What every running workload of ours has used, by name. One that ends meanwhile is left out. */
  usage(owner: Owner): Promise<WorkloadUsage[]>;
  /** Changes of our workloads; reconnects by itself and, once it is connected again, yields `lost`. Ends when `signal` aborts. */
  events(owner: Owner, signal: AbortSignal): AsyncIterable<RuntimeEvent>;
}
