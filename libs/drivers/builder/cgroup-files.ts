/**
 * The files of one control group that hold its CPU and memory limits, for both kernel interfaces.
 * Sources: Documentation/admin-guide/cgroup-v1/memory.rst and scheduler/sched-bwc.rst; Documentation/admin-guide/cgroup-v2.rst.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CgroupLimits {
  cpus: number;
  memoryBytes: number;
}

/** Length of one CPU accounting period, microseconds: the kernel's own default. */
const PERIOD = 100_000;

/**
 * Weight of a build's step against other groups beside it, where 1024 (v1) and 100 (v2) are the kernel's defaults: a quarter, so that builds
 * take what nobody else wants.
 */
const SHARES = 256;
const WEIGHT = 25;
/** Added to a step's chance of being killed when the machine, not the step, runs out of memory; 1000 is certain. */
const OOM_SCORE = 800;

export class CgroupFiles {
  private readonly unified: boolean;

  /** @param root where the hierarchies are mounted, normally `/sys/fs/cgroup`. */
  constructor(private readonly root: string) {
    this.unified = existsSync(join(root, 'cgroup.controllers'));
  }

  /** False when this machine's control groups cannot be seen from here (e.g. the platform runs in a container of its own). */
  available(): boolean {
    return this.unified || (existsSync(join(this.root, 'memory')) && existsSync(join(this.root, 'cpu')));
  }

  /**
   * Makes the group when the engine has not made it yet, so that its first process already starts inside the limits.
   * @param path absolute path inside the hierarchy, e.g. `/docker/buildkit/<id>`
   * @throws NodeJS.ErrnoException: EBUSY when the group already uses more memory than it may
   */
  limit(path: string, limits: CgroupLimits): void {
    const memory = Math.floor(limits.memoryBytes);
    const quota = Math.max(1000, Math.round(limits.cpus * PERIOD));
    if (this.unified) this.limitUnified(path, memory, quota);
    else this.limitSplit(path, memory, quota);
  }

  private limitSplit(path: string, memory: number, quota: number): void {
    const memoryDir = join(this.root, 'memory', path);
    const cpuDir = join(this.root, 'cpu', path);
    mkdirSync(memoryDir, { recursive: true });
    mkdirSync(cpuDir, { recursive: true });
    writeFileSync(join(memoryDir, 'memory.limit_in_bytes'), String(memory));
    // Memory and swap together: without it the limit only moves the build into the host's swap. Absent when swap accounting is off.
    const withSwap = join(memoryDir, 'memory.memsw.limit_in_bytes');
    if (existsSync(withSwap)) writeFileSync(withSwap, String(memory));
    writeFileSync(join(cpuDir, 'cpu.cfs_period_us'), String(PERIOD));
    writeFileSync(join(cpuDir, 'cpu.cfs_quota_us'), String(quota));
    writeFileSync(join(cpuDir, 'cpu.shares'), String(SHARES));
  }

  private limitUnified(path: string, memory: number, quota: number): void {
    const dir = join(this.root, path);
    mkdirSync(dir, { recursive: true });
    this.delegate(path);
    writeFileSync(join(dir, 'memory.max'), String(memory));
    const swap = join(dir, 'memory.swap.max');
    if (existsSync(swap)) writeFileSync(swap, '0');
    writeFileSync(join(dir, 'cpu.max'), `${quota} ${PERIOD}`);
    writeFileSync(join(dir, 'cpu.weight'), String(WEIGHT));
  }

  /** A group has `memory.max` only when every ancestor hands the controller down; runc does the same when it makes a group. */
  private delegate(path: string): void {
    let ancestor = this.root;
    for (const segment of path.split('/').filter(Boolean)) {
      writeFileSync(join(ancestor, 'cgroup.subtree_control'), '+cpu +memory');
      ancestor = join(ancestor, segment);
    }
  }

  /** Processes that the kernel has killed in this group for lack of memory so far; null once the group is gone. */
  oomKills(path: string): number | null {
    const file = this.unified
      ? join(this.root, path, 'memory.events')
      : join(this.root, 'memory', path, 'memory.oom_control');
    try {
      return Number(/^oom_kill (\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? 0);
    } catch {
      return null; // The engine removes the group the moment its last process ends.
    }
  }

  /** Ids of the processes in the group; none when it is gone. */
  processes(path: string): number[] {
    const file = this.unified ? join(this.root, path, 'cgroup.procs') : join(this.root, 'memory', path, 'cgroup.procs');
    try {
      return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number);
    } catch {
      return []; // As above.
    }
  }

  /**
   * Lets the kernel kill the step before the platform. Its children inherit it; without this a step has the score of dockerd, which some
   * systems protect.
   */
  dieFirst(pid: number): void {
    try {
      writeFileSync(`/proc/${pid}/oom_score_adj`, String(OOM_SCORE));
    } catch {
      // It has ended in between, or belongs to somebody whose processes we may not touch: then its memory limit alone holds it.
    }
  }

  /** Removes a group that we made and the engine never used or has left behind. */
  remove(path: string): void {
    const dirs = this.unified ? [join(this.root, path)] : ['memory', 'cpu'].map((each) => join(this.root, each, path));
    for (const dir of dirs) {
      try {
        rmdirSync(dir);
      } catch {
        // Gone already (the usual case), or still in use: then the engine removes it when its last process ends.
      }
    }
  }
}
