/** The platform's own control group and the bounds of its log files, in temporary folders. */
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load } from './load.js';

const { takeOwnShare, ownGroup } = load('setup/lib/own-share.mjs');
const { rotate } = load('setup/lib/log-file.mjs');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'containr-share-'));
  for (const name of ['root/cpu', 'proc']) mkdirSync(path.join(folder, name), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

const take = () => takeOwnShare({ root: path.join(folder, 'root'), proc: path.join(folder, 'proc'), pid: 42 });
const put = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
const read = (name: string) => readFileSync(path.join(folder, name), 'utf8');

describe('own share', () => {
  it('is four times the default, cgroup v1', () => {
    put('proc/cgroup', '4:memory:/x\n1:cpu,cpuacct:/\n0::/\n');
    expect(take()).toEqual({ cpu: true, memory: true });
    expect(read('root/cpu/containr/cpu.shares')).toBe('4096');
    expect(read('root/cpu/containr/cgroup.procs')).toBe('42');
    expect(read('proc/oom_score_adj')).toBe('-500');
    expect(take()).toEqual({ cpu: true, memory: true });
  });

  it('is four times the default, cgroup v2', () => {
    put('proc/cgroup', '0::/\n');
    put('root/cgroup.controllers', 'cpu memory');
    expect(take().cpu).toBe(true);
    expect(read('root/cgroup.subtree_control')).toBe('+cpu');
    expect(read('root/containr/cpu.weight')).toBe('400');
    expect(read('root/containr/cgroup.procs')).toBe('42');
  });

  it('is left to who has put us into a group', () => {
    put('proc/cgroup', '1:cpu,cpuacct:/system.slice/containr.service\n0::/\n');
    expect(take().cpu).toBe(false);
    expect(ownGroup('0::/a:b\n', true)).toBe('/a:b');
    expect(ownGroup('3:memory:/\n', false)).toBeNull();
  });

  it('does without where the machine does not allow it', () => {
    put('proc/cgroup', '1:cpu:/\n');
    rmSync(path.join(folder, 'root'), { recursive: true });
    put('root', 'not a folder');
    expect(() => take()).toThrow(/ENOTDIR/);
    rmSync(path.join(folder, 'proc'), { recursive: true });
    expect(take()).toEqual({ cpu: false, memory: false });
  });
});

describe('log files', () => {
  it('take no more than twice the limit while a process writes on, and lose nothing of the last full file', () => {
    const file = path.join(folder, 'api.log');
    const fd = openSync(file, 'a');
    const line = `${'x'.repeat(99)}\n`;
    let largest = 0;
    for (let round = 0; round < 200; round += 1) {
      writeSync(fd, `${round} ${line}`);
      rotate(file, 1000);
      const before = statSync(file).size;
      const old = statSync(`${file}.1`, { throwIfNoEntry: false })?.size ?? 0;
      largest = Math.max(largest, before + old);
    }
    closeSync(fd);
    expect(largest).toBeLessThanOrEqual(2 * (1000 + 110));
    expect(read('api.log.1') + read('api.log')).toContain('199 x');
    expect(statSync(file).size).toBeLessThanOrEqual(1000);
  });
});
