/** The watermark on a real, nearly full file system: a tmpfs mounted for the test, which needs root. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { DiskGuard } from './disk-guard.js';
import { LocalDisks } from './local-disks.js';

const run = promisify(execFile);
const MIB = 2 ** 20;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'containr-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder]);
});
afterAll(async () => {
  await run('umount', [folder]);
  await rm(folder, { recursive: true });
});

it('refuses builds while a file fills the disk, and allows them again once it is gone', async () => {
  const guard = new DiskGuard(new LocalDisks(path.join(folder, 'data'), async () => null), 32 / 1024);
  await guard.requireRoom();
  await writeFile(path.join(folder, 'big'), Buffer.alloc(40 * MIB));
  await expect(guard.requireRoom()).rejects.toMatchObject({ code: 'disk_low', status: 507 });
  const [low] = await guard.low();
  expect(low).toMatchObject({ totalBytes: 64 * MIB, neededBytes: 32 * MIB });
  expect(low?.freeBytes).toBeLessThanOrEqual(24 * MIB);
  await rm(path.join(folder, 'big'));
  await guard.requireRoom();
});
