import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { objectStoreConformance } from './conformance.js';
import { LocalFolder } from './local-folder.js';

const never = new AbortController().signal;
const newFolder = () => mkdtemp(path.join(os.tmpdir(), 'containr-store-'));

objectStoreConformance('local folder', async () => {
  const folder = await newFolder();
  return {
    store: new LocalFolder({ folder, make: false }),
    again: () => new LocalFolder({ folder, make: false }),
    dispose: () => rm(folder, { recursive: true }),
  };
});

describe('a folder of files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await newFolder();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function* body() {
    yield Buffer.from('x');
  }

  it('makes its own folder, for its user only, but not one that the operator named', async () => {
    const missing = path.join(folder, 'missing');
    await expect(new LocalFolder({ folder: missing, make: false }).put('a', body(), never)).rejects.toMatchObject({
      code: 'object_store_missing',
    });
    expect(await readdir(folder)).toEqual([]);
    await new LocalFolder({ folder: missing, make: true }).put('a', body(), never);
    expect((await stat(missing)).mode & 0o777).toBe(0o700);
    expect((await stat(path.join(missing, 'a'))).mode & 0o777).toBe(0o600);
  });

  it('neither shows nor keeps what a killed put left', async () => {
    const store = new LocalFolder({ folder, make: false });
    await store.put('b/other', body(), never);
    await writeFile(path.join(folder, 'b/one.partial'), 'half');
    const keys: string[] = [];
    for await (const { key } of store.list('b', never)) keys.push(key);
    expect(keys).toEqual(['b/other']);
    await store.remove('b/one');
    expect(await readdir(path.join(folder, 'b'))).toEqual(['other']);
  });
});
