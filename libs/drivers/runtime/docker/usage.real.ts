/** Used CPU, memory and network of a real container: from the kernel's files and from the engine's call, which must agree. */
import { eventually } from '../conformance.js';
import { RealEngine } from '../testing/real-engine.js';
import { engineAddress } from './address.js';
import { CgroupUsage } from './cgroup-usage.js';
import { EngineClient } from './client.js';
import { UsageReader } from './usage.js';

const engine = new RealEngine();
const client = new EngineClient(engineAddress());
const blind = new CgroupUsage('/nonexistent');
const readers = { files: new UsageReader(client), engine: new UsageReader(client, blind) };
afterAll(() => client.close());

const MB = 1024 * 1024;
/** Holds 20 MB, then is idle. */
const HOLDER = ['/usr/bin/perl', '-e', `my $x = 'x' x ${20 * MB}; sleep 1 while 1`];

it.each(['files', 'engine'] as const)('%s: memory that is held is seen', async (way) => {
  await engine.start(engine.spec({ command: HOLDER }));
  const look = async () => (await readers[way].usage(engine.owner))[0];
  const seen = await eventually(look, (used) => (used?.memoryBytes ?? 0) > 20 * MB);
  expect(seen?.memoryBytes).toBeLessThan(64 * MB);
});

it.each(['files', 'engine'] as const)('%s: work is counted as CPU time', async (way) => {
  await engine.start(engine.spec({ command: ['/usr/bin/perl', '-e', '1 while 1'] }));
  await eventually(
    async () => (await readers[way].usage(engine.owner))[0],
    (used) => (used?.cpuSeconds ?? 0) > 0.3,
  );
});

it('both ways tell the same', async () => {
  await engine.start(engine.spec({ command: HOLDER }));
  await eventually(
    async () => [(await readers.files.usage(engine.owner))[0], (await readers.engine.usage(engine.owner))[0]],
    ([files, called]) =>
      files !== undefined &&
      called !== undefined &&
      Math.abs(files.cpuSeconds - called.cpuSeconds) < 0.05 &&
      Math.abs(files.memoryBytes - called.memoryBytes) < MB &&
      Math.abs((files.network?.inBytes ?? -1e9) - (called.network?.inBytes ?? 1e9)) < 10_000,
  );
});

it('without the files of this machine nothing is lost', async () => {
  const handle = await engine.start(engine.spec());
  expect(blind.read(handle.id)).toBeNull();
  expect((await readers.engine.usage(engine.owner)).map(({ id }) => id)).toEqual([handle.id]);
});
