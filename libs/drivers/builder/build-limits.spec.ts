import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LimitWatch, watchBuild, withMarker } from './build-limits.js';

const MARKER = 'abc.build.containr.invalid';
const limits = { cpus: 1.5, memoryBytes: 1024 * 1024 };
let folder: string;
let watching: LimitWatch | null = null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'containr-cgroup-'));
  await mkdir(join(folder, 'docker/buildkit/executor'), { recursive: true });
});
afterEach(async () => {
  watching?.close();
  await rm(folder, { recursive: true, force: true });
});

const start = () => {
  watching = watchBuild({ dockerRoot: join(folder, 'docker'), cgroupRoot: join(folder, 'cgroup') }, MARKER, limits);
  return watching;
};

/** What BuildKit does for a RUN step. The file comes in two pieces, as it may. */
async function step(id: string, marker: string): Promise<void> {
  const bundle = join(folder, 'docker/buildkit/executor', id);
  const config = JSON.stringify({
    process: { env: ['A=1', `NO_PROXY=x,${marker}`] },
    linux: { cgroupsPath: `/docker/buildkit/${id}` },
  });
  await mkdir(bundle);
  await writeFile(join(bundle, 'config.json'), config.slice(0, 20));
  await writeFile(join(bundle, 'config.json'), config);
}

async function written(file: string): Promise<string> {
  for (const deadline = Date.now() + 40_000; ; ) {
    const text = existsSync(join(folder, 'cgroup', file)) ? await readFile(join(folder, 'cgroup', file), 'utf8') : '';
    if (text !== '' || Date.now() > deadline) return text;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('build limits', () => {
  it('are put on the groups of our own steps only, cgroup v1', async () => {
    for (const name of ['memory', 'cpu']) await mkdir(join(folder, 'cgroup', name), { recursive: true });
    expect(start()?.effective()).toBe(true);
    await step('theirs', 'other.build.containr.invalid');
    await step('ours', MARKER);
    expect(await written('cpu/docker/buildkit/ours/cpu.cfs_quota_us')).toBe('150000');
    expect(await written('memory/docker/buildkit/ours/memory.limit_in_bytes')).toBe(String(1024 * 1024));
    expect(await written('cpu/docker/buildkit/ours/cpu.shares')).toBe('256');
    expect(existsSync(join(folder, 'cgroup/memory/docker/buildkit/theirs'))).toBe(false);
  });

  it('are written as cgroup v2 has them', async () => {
    await mkdir(join(folder, 'cgroup'), { recursive: true });
    await writeFile(join(folder, 'cgroup/cgroup.controllers'), 'cpu memory');
    start();
    await step('ours', MARKER);
    expect(await written('docker/buildkit/ours/cpu.max')).toBe('150000 100000');
    expect(await written('docker/buildkit/ours/memory.max')).toBe(String(1024 * 1024));
    expect(await written('docker/buildkit/ours/cpu.weight')).toBe('25');
    expect(await written('docker/buildkit/cgroup.subtree_control')).toBe('+cpu +memory');
    expect(existsSync(join(folder, 'cgroup/docker/buildkit/ours/cgroup.subtree_control'))).toBe(false);
  });

  it('see an OOM kill in the counters', async () => {
    for (const name of ['memory', 'cpu']) await mkdir(join(folder, 'cgroup', name), { recursive: true });
    start();
    await step('ours', MARKER);
    await written('cpu/docker/buildkit/ours/cpu.cfs_quota_us');
    const counters = join(folder, 'cgroup/memory/docker/buildkit/ours/memory.oom_control');
    await writeFile(counters, 'oom_kill_disable 0\nunder_oom 0\noom_kill 0\n');
    expect(watching?.oomKilled()).toBe(false);
    await writeFile(counters, 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n');
    expect(watching?.oomKilled()).toBe(true);
  });

  it('are not to be had without the engine or the control groups', async () => {
    expect(start()).toBeNull();
    await mkdir(join(folder, 'cgroup/memory'), { recursive: true });
    await mkdir(join(folder, 'cgroup/cpu'), { recursive: true });
    expect(watchBuild({ dockerRoot: '/nonexistent', cgroupRoot: join(folder, 'cgroup') }, MARKER, limits)).toBeNull();
  });

  it('join the NO_PROXY that the user gives, in whatever case', () => {
    expect(withMarker({ A: '1', no_proxy: 'a.example', NO_PROXY: '' }, MARKER)).toEqual({
      A: '1',
      NO_PROXY: `a.example,${MARKER}`,
    });
    expect(withMarker({}, MARKER)).toEqual({ NO_PROXY: MARKER });
  });
});
