/** One suite for every ObjectStore: what the port promises, and nothing of how. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { ObjectStore, StoredObject } from './port.js';

export interface Subject {
  store: ObjectStore;
  /** Another client of the same store, as another process has it. */
  again(): ObjectStore;
  dispose(): Promise<void>;
}

const never = new AbortController().signal;
const MIB = 2 ** 20;

async function* of(...chunks: (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

export async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function objectStoreConformance(name: string, make: () => Promise<Subject>): void {
  describe(`ObjectStore: ${name}`, () => {
    let subject: Subject;
    let store: ObjectStore;
    let folder: string;
    const read = async (key: string) => String(await bytesOf(await subject.again().get(key, never)));
    const listed = async (below: string) => {
      const found: StoredObject[] = [];
      for await (const each of store.list(below, never)) found.push(each);
      return found.sort((a, b) => (a.key < b.key ? -1 : 1));
    };

    beforeAll(async () => {
      subject = await make();
      store = subject.store;
    });
    beforeEach(() => {
      folder = `t/${randomUUID()}`;
    });
    afterEach(() => store.remove(folder, never));
    afterAll(() => subject.dispose());

    it('gives back what was put, also to others, also an empty object', async () => {
      expect(await store.put(`${folder}/a`, of('one ', 'two'), never)).toEqual({ bytes: 7 });
      expect(await store.put(`${folder}/none`, of(), never)).toEqual({ bytes: 0 });
      expect(await read(`${folder}/a`)).toBe('one two');
      expect(await read(`${folder}/none`)).toBe('');
      expect(await store.find(`${folder}/a`, never)).toEqual({ key: `${folder}/a`, bytes: 7 });
    });

    it('replaces', async () => {
      await store.put(`${folder}/a`, of('a long first text'), never);
      await store.put(`${folder}/a`, of('second'), never);
      expect(await read(`${folder}/a`)).toBe('second');
    });

    it('carries a large body of uneven chunks unchanged', async () => {
      const sent = createHash('sha256');
      async function* large() {
        for (let index = 0; index < 45; index++) {
          const chunk = randomBytes(MIB + (index % 7) * 1000 + 1);
          sent.update(chunk);
          yield chunk;
        }
      }
      const { bytes } = await store.put(`${folder}/large`, large(), never);
      const got = createHash('sha256');
      let count = 0;
      for await (const chunk of await store.get(`${folder}/large`, never)) {
        got.update(chunk as Buffer);
        count += (chunk as Buffer).length;
      }
      expect(count).toBe(bytes);
      expect(got.digest('hex')).toBe(sent.digest('hex'));
    });

    it('gives a range', async () => {
      await store.put(`${folder}/a`, of('0123456789'), never);
      expect(String(await bytesOf(await store.get(`${folder}/a`, never, { from: 3, to: 5 })))).toBe('345');
      expect(String(await bytesOf(await store.get(`${folder}/a`, never, { from: 7 })))).toBe('789');
    });

    it('says what is not there', async () => {
      await expect(store.get(`${folder}/no`, never)).rejects.toMatchObject({ status: 404, code: 'object_not_found' });
      expect(await store.find(`${folder}/no`, never)).toBeNull();
      expect(await listed(`${folder}/no`)).toEqual([]);
      await expect(store.remove(`${folder}/no`, never)).resolves.toBeUndefined();
    });

    it('lists what is below a folder only', async () => {
      await store.put(`${folder}/a/1`, of('1'), never);
      await store.put(`${folder}/a/2/3`, of('22'), never);
      await store.put(`${folder}/ab`, of('3'), never);
      expect(await listed(`${folder}/a`)).toEqual([
        { key: `${folder}/a/1`, bytes: 1 },
        { key: `${folder}/a/2/3`, bytes: 2 },
      ]);
    });

    it('removes an object, or a folder, and not its neighbours', async () => {
      await store.put(`${folder}/a/1`, of('1'), never);
      await store.put(`${folder}/a/2`, of('2'), never);
      await store.put(`${folder}/ab`, of('3'), never);
      await store.remove(`${folder}/a/1`, never);
      expect((await listed(folder)).map(({ key }) => key)).toEqual([`${folder}/a/2`, `${folder}/ab`]);
      await store.remove(`${folder}/a`, never);
      expect((await listed(folder)).map(({ key }) => key)).toEqual([`${folder}/ab`]);
    });

    it.each([
      ['at once', 0],
      ['in the middle', 40],
    ])('leaves nothing, and the old object, when the body fails %s', async (_when, chunks) => {
      await store.put(`${folder}/a`, of('old'), never);
      const failure = new Error('the dump broke');
      async function* failing() {
        for (let index = 0; index < chunks; index++) yield randomBytes(MIB);
        throw failure;
      }
      await expect(store.put(`${folder}/a`, failing(), never)).rejects.toBe(failure);
      await expect(store.put(`${folder}/b`, failing(), never)).rejects.toBe(failure);
      expect(await read(`${folder}/a`)).toBe('old');
      expect((await listed(folder)).map(({ key }) => key)).toEqual([`${folder}/a`]);
    });

    it('stops at an abort with its reason', async () => {
      const abort = new AbortController();
      const reason = new Error('cancelled');
      async function* endless() {
        for (let index = 0; ; index++) {
          if (index === 20) abort.abort(reason);
          yield randomBytes(MIB);
        }
      }
      await expect(store.put(`${folder}/a`, endless(), abort.signal)).rejects.toBe(reason);
      expect(await store.find(`${folder}/a`, never)).toBeNull();
    });

    it('checks that it can be written to and leaves nothing of that', async () => {
      const { freeBytes } = await store.check(never);
      expect(freeBytes === null || freeBytes > 0).toBe(true);
      expect(await listed('containr-check')).toEqual([]);
    });

    it.each(['', '/a', '../a', 'a/../b', 'a//b', 'A', 'a/.hidden'])('refuses %p as a key', async (key) => {
      await expect(store.put(key, of('x'), never)).rejects.toThrow(/not a key/);
    });
  });
}
