import { Capacity } from '#platform/errors.js';
import { DiskGuard, minFreeBytes } from './disk-guard.js';
import { FakeDisks } from './fake.js';
import { LocalDisks } from './local-disks.js';

const GIB = 2 ** 30;

it.each([
  [10 * GIB, 0, 2 * GIB],
  [100 * GIB, 0, 5 * GIB],
  [4000 * GIB, 0, 20 * GIB],
  [10 * GIB, 1.5, 1.5 * GIB],
])('of %d bytes with %d GiB configured asks for %d', (total, configured, expected) => {
  expect(minFreeBytes(total, configured)).toBe(expected);
});

it('refuses below the watermark with both numbers, and says so to who cleans up', async () => {
  const disks = new FakeDisks();
  let woken = 0;
  const guard = new DiskGuard(disks, 0, () => {
    woken += 1;
  });
  await guard.requireRoom();
  disks.freeBytes = 10 * GIB;
  await guard.requireRoom();
  disks.freeBytes = 10 * GIB - 1;
  const refused = guard.requireRoom();
  await expect(refused).rejects.toMatchObject({ constructor: Capacity, status: 507, code: 'disk_low' });
  await expect(refused).rejects.toThrow(/10\.00 GiB free of 200\.00 GiB, and a build needs 10\.00 GiB free/);
  await expect(refused).rejects.toMatchObject({ details: { free_bytes: 10 * GIB - 1, needed_bytes: 10 * GIB } });
  expect(woken).toBe(1);
});

describe('LocalDisks', () => {
  it('reads the disk of a folder that is not there yet', async () => {
    const [disk] = await new LocalDisks('/tmp/containr-not-there/data', async () => null).read({ ask: true });
    expect(disk).toMatchObject({ holds: 'the data folder', path: '/tmp/containr-not-there/data' });
    expect(disk?.totalBytes).toBeGreaterThan(disk?.freeBytes as number);
  });

  it('counts a file system once', async () => {
    const disks = await new LocalDisks('/tmp', async () => '/tmp').read({ ask: true });
    expect(disks).toMatchObject([{ holds: 'the data folder and the Docker Engine' }]);
  });

  it('does not wait for the engine unless told to, and asks again after a failure', async () => {
    const answers: ((root: string | null) => void)[] = [];
    let asked = 0;
    const disks = new LocalDisks('/tmp', () => {
      asked += 1;
      return asked === 1 ? Promise.reject(new Error('down')) : new Promise((resolve) => answers.push(resolve));
    });
    expect(await disks.read({ ask: true })).toHaveLength(1);
    expect(await disks.read()).toHaveLength(1);
    expect(asked).toBe(2);
    const waiting = disks.read({ ask: true });
    answers[0]?.('/proc');
    expect(await waiting).toHaveLength(2);
    await disks.read({ ask: true });
    expect(asked).toBe(2);
  });

  it('leaves out a data root that is in another mount namespace', async () => {
    expect(await new LocalDisks('/tmp', async () => '/not-there/docker').read({ ask: true })).toHaveLength(1);
  });
});
