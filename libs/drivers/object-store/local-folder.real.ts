/** A disk that becomes full in the middle of a put: a tmpfs mounted for the test, which needs root. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { LocalFolder } from './local-folder.js';

const run = promisify(execFile);
const never = new AbortController().signal;
const MIB = 2 ** 20;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'containr-full-'));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder]);
});
afterAll(async () => {
  await run('umount', [folder]);
  await rm(folder, { recursive: true });
});

async function* mebibytes(count: number) {
  for (let index = 0; index < count; index++) yield randomBytes(MIB);
}

it('says that it is full, leaves nothing of it and what was there before', async () => {
  const store = new LocalFolder({ folder, make: false });
  await store.put('a/kept', mebibytes(4), never);
  await expect(store.put('a/too-large', mebibytes(30), never)).rejects.toMatchObject({
    code: 'object_store_full',
    status: 507,
  });
  expect(await readdir(path.join(folder, 'a'))).toEqual(['kept']);
  expect(await store.find('a/kept')).toMatchObject({ bytes: 4 * MIB });
  await store.put('a/fits', mebibytes(4), never);
});
