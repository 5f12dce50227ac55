/**
 * CPU and memory limits for the RUN steps of one BuildKit build.
 *
 * The Docker API ignores `memory` and `cpuquota` for BuildKit builds. What the engine does do: for each RUN step it writes an OCI bundle to
 * `<docker root>/buildkit/executor/<id>/config.json`, then starts runc, which makes the control group named there. We watch that folder,
 * recognise our own steps and put the limits on the step's group before runc does (measured: about 10 ms of head start on Engine 20.10).
 *
 * How a step is recognised: each build gets a marker as an extra name in the predefined build argument NO_PROXY. BuildKit hands proxy
 * arguments to the processes but leaves them out of the cache key and the image (docs.docker.com/reference/dockerfile/#predefined-args),
 * so the layer cache works across builds. Steps of anybody else's build are never touched.
 *
 * Where it does not apply: an engine on another machine or in another mount namespace (nothing to watch), cgroupfs that this process may
 * not write, and an engine that names control groups in systemd's `slice:prefix:name` form. `LimitWatch` is then null and the build runs
 * with the time limit only. The limit holds for each RUN step: stages that run at the same time have it each.
 * BuildKit runs a step that two builds want at the same moment once: it then has the limits of the build that started it.
 * Checked on Engine 20.10 with cgroup v1; the cgroup v2 files are written as the kernel documents them.
 */
import { existsSync, type FSWatcher, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { CgroupFiles, type CgroupLimits } from './cgroup-files.js';

/** How often the kernel's OOM counter is read while a RUN step runs, ms: cgroup v1 offers no event that Node can wait for. */
const SAMPLE_MS = 100;

interface Bundle {
  process?: { env?: string[] };
  linux?: { cgroupsPath?: string };
}

export interface LimitWatch {
  /** The kernel killed a process of this build for lack of memory. */
  oomKilled(): boolean;
  /** False once the kernel refused to put the limits on a step. */
  effective(): boolean;
  close(): void;
}

export interface LimiterOptions {
  /** Docker's data folder, e.g. `/var/lib/docker`. */
  dockerRoot: string;
  /** Default `/sys/fs/cgroup`. */
  cgroupRoot?: string;
}

/** Puts the marker into the predefined NO_PROXY argument beside what the user put there. */
export function withMarker(buildArgs: Record<string, string>, marker: string): Record<string, string> {
  const isNoProxy = (name: string) => name.toLowerCase() === 'no_proxy';
  const others = Object.entries(buildArgs).filter(([name]) => !isNoProxy(name));
  const theirs = Object.entries(buildArgs).filter(([name, value]) => isNoProxy(name) && value !== '');
  return { ...Object.fromEntries(others), NO_PROXY: [...theirs.map(([, value]) => value), marker].join(',') };
}

/** @returns null when limits cannot be put on builds of this engine. */
export function watchBuild(options: LimiterOptions, marker: string, limits: CgroupLimits): LimitWatch | null {
  const executor = join(options.dockerRoot, 'buildkit', 'executor');
  const files = new CgroupFiles(options.cgroupRoot ?? '/sys/fs/cgroup');
  if (!existsSync(executor) || !files.available()) return null;
  try {
    return new ExecutorWatch(executor, files, marker, limits);
  } catch {
    return null; // No permission to watch: the same as an engine elsewhere.
  }
}

class ExecutorWatch implements LimitWatch {
  private readonly folder: FSWatcher;
  private readonly bundles = new Map<string, FSWatcher>();
  /** Groups that steps run in now. */
  private readonly groups = new Set<string>();
  /** Every group we may have made a folder of. */
  private readonly touched = new Set<string>();
  /** Processes that the kernel has been told to kill before others. */
  private readonly expendable = new Set<number>();
  private sampler: NodeJS.Timeout | null = null;
  private killed = false;
  private refused = false;

  constructor(
    private readonly executor: string,
    private readonly files: CgroupFiles,
    private readonly marker: string,
    private readonly limits: CgroupLimits,
  ) {
    this.folder = watch(executor, (_event, name) => this.onEntry(name));
    this.folder.on('error', () => this.folder.close());
  }

  oomKilled(): boolean {
    this.sample();
    return this.killed;
  }

  effective(): boolean {
    return !this.refused;
  }

  close(): void {
    this.folder.close();
    for (const id of [...this.bundles.keys()]) this.forget(id);
    if (this.sampler) clearInterval(this.sampler);
    for (const group of this.touched) this.files.remove(group);
  }

  /** Bundle folders are named by BuildKit's random ids, beside a few files with dots in their names. */
  private onEntry(name: string | null): void {
    if (!name || name.includes('.') || this.bundles.has(name) || !existsSync(join(this.executor, name))) return;
    const bundle = watch(join(this.executor, name), () => this.read(name));
    bundle.on('error', () => this.forget(name));
    this.bundles.set(name, bundle);
    this.read(name);
  }

  private read(id: string): void {
    const config = this.config(id);
    if (config === 'incomplete') return;
    this.forget(id);
    const ours = config?.process?.env?.some((entry) => entry.startsWith('NO_PROXY=') && entry.includes(this.marker));
    const group = config?.linux?.cgroupsPath;
    if (ours && group?.startsWith('/')) this.apply(group);
  }

  private config(id: string): Bundle | 'incomplete' | null {
    try {
      return JSON.parse(readFileSync(join(this.executor, id, 'config.json'), 'utf8')) as Bundle;
    } catch {
      // Not written to its end yet, or the step is over and the folder gone.
      return existsSync(join(this.executor, id)) ? 'incomplete' : null;
    }
  }

  private forget(id: string): void {
    this.bundles.get(id)?.close();
    this.bundles.delete(id);
  }

  private apply(group: string): void {
    this.groups.add(group);
    this.touched.add(group);
    try {
      this.files.limit(group, this.limits);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // EBUSY: the step took more than its limit before the limit was there, which is what the limit forbids.
      if (code === 'EBUSY') this.kill(group);
      // ENOENT: the step is over already.
      else if (code !== 'ENOENT') this.refused = true;
    }
    this.sampler ??= setInterval(() => this.sample(), SAMPLE_MS).unref();
  }

  /** Once per process: children inherit it. */
  private dieFirst(group: string): void {
    for (const pid of this.files.processes(group)) {
      if (this.expendable.has(pid)) continue;
      this.expendable.add(pid);
      this.files.dieFirst(pid);
    }
  }

  private kill(group: string): void {
    this.killed = true;
    for (const pid of this.files.processes(group)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself in between.
      }
    }
  }

  private sample(): void {
    for (const group of this.groups) {
      this.dieFirst(group);
      const kills = this.files.oomKills(group);
      if (kills === null) this.groups.delete(group);
      else if (kills > 0) this.killed = true;
    }
  }
}
