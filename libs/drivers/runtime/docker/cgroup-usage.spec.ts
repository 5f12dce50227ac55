/** The kernel's files in both forms, written by hand. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { CgroupUsage, networkOf } from './cgroup-usage.js';
import { countersOfStats } from './usage.js';

const root = mkdtempSync(path.join(os.tmpdir(), 'containr-cgroup-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function files(base: string, content: Record<string, string>): string {
  for (const [name, text] of Object.entries(content)) {
    const file = path.join(root, base, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return path.join(root, base);
}

const DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1000000      10    0    0    0     0          0         0  1000000      10    0    0    0     0       0          0
  eth0:   1234      10    0    0    0     0          0         0     5678      10    0    0    0     0       0          0
  eth1:6      1    0    0    0     0          0         0     7      1    0    0    0     0       0          0
`;
const proc = files('proc', { '42/net/dev': DEV });

it('adds up interfaces without the loopback', () => {
  expect(networkOf(DEV)).toEqual({ inBytes: 1240, outBytes: 5685 });
});

it.each(['docker/abc', 'system.slice/docker-abc.scope'])('cgroup v2 below %s', (group) => {
  const base = files(`v2-${group.length}`, {
    'cgroup.controllers': 'cpu memory',
    [`${group}/cpu.stat`]: 'usage_usec 1500000\nuser_usec 1\n',
    [`${group}/memory.current`]: '1000\n',
    [`${group}/memory.stat`]: 'anon 1\ninactive_file 300\n',
    [`${group}/cgroup.procs`]: '42\n43\n',
  });
  const expected = { cpuSeconds: 1.5, memoryBytes: 700, network: { inBytes: 1240, outBytes: 5685 } };
  expect(new CgroupUsage(base, proc).read('abc')).toEqual(expected);
  expect(new CgroupUsage(base, proc).read('other')).toBeNull();
});

it('cgroup v1, with processes that cannot be seen', () => {
  const base = files('v1', {
    'cpuacct/docker/abc/cpuacct.usage': '2500000000\n',
    'cpuacct/docker/abc/cgroup.procs': '0\n',
    'memory/docker/abc/memory.usage_in_bytes': '5000\n',
    'memory/docker/abc/memory.stat': 'inactive_file 1\ntotal_inactive_file 1000\n',
  });
  expect(new CgroupUsage(base, proc).read('abc')).toEqual({ cpuSeconds: 2.5, memoryBytes: 4000, network: null });
});

it("the engine's own figures, with either cgroup version, and none for what has ended", () => {
  const cpu_stats = { cpu_usage: { total_usage: 5e8 } };
  const network = { rx_bytes: 1, tx_bytes: 2 };
  const stats = {
    cpu_stats,
    memory_stats: { usage: 100, stats: { inactive_file: 40 } },
    networks: { a: network, b: network },
  };
  expect(countersOfStats(stats)).toEqual({ cpuSeconds: 0.5, memoryBytes: 60, network: { inBytes: 2, outBytes: 4 } });
  expect(countersOfStats({ cpu_stats, memory_stats: {} })).toBeNull();
});
