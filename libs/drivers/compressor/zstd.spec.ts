import { randomBytes } from 'node:crypto';
import { compress, decompress } from './zstd.js';

const never = new AbortController().signal;
const MIB = 2 ** 20;

async function* of(...chunks: (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

async function all(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

it.each([
  ['nothing', []],
  ['a little', ['one ', 'two']],
  ['what cannot be compressed', [randomBytes(3 * MIB), randomBytes(17)]],
])('gives %s back', async (_what, chunks) => {
  const packed = await all(compress(of(...chunks), never));
  expect(packed.readUInt32LE(0)).toBe(0xfd2fb528); // RFC 8878, section 3.1.1
  const plain = Buffer.concat(chunks.map((chunk) => Buffer.from(chunk)));
  expect((await all(decompress(of(packed), never))).equals(plain)).toBe(true);
});

it('makes text smaller', async () => {
  const packed = await all(compress(of('INSERT INTO t VALUES (1);\n'.repeat(100_000)), never));
  expect(packed.length).toBeLessThan(10_000);
});

it('refuses what is cut or damaged', async () => {
  const packed = await all(compress(of(randomBytes(MIB)), never));
  const damaged = Buffer.from(packed);
  damaged[20] = (damaged[20] as number) ^ 1;
  const invalid = { code: 'compressed_data_invalid' };
  await expect(all(decompress(of(packed.subarray(0, -10)), never))).rejects.toMatchObject(invalid);
  await expect(all(decompress(of(damaged), never))).rejects.toMatchObject(invalid);
  await expect(all(decompress(of('not zstd at all'), never))).rejects.toMatchObject(invalid);
});

it('throws what its input throws', async () => {
  const failure = new Error('the dump broke');
  async function* broken() {
    yield randomBytes(MIB);
    throw failure;
  }
  await expect(all(compress(broken(), never))).rejects.toBe(failure);
});

it('ends at an abort, and when nobody reads on', async () => {
  const abort = new AbortController();
  const reason = new Error('cancelled');
  let asked = 0;
  async function* endless() {
    for (;;) {
      asked += 1;
      if (asked === 30) abort.abort(reason);
      yield randomBytes(MIB);
    }
  }
  await expect(all(compress(endless(), abort.signal))).rejects.toBe(reason);
  for await (const _chunk of compress(endless(), never)) break;
  const until = asked;
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toBeLessThanOrEqual(until + 1);
});

it('waits for a slow reader instead of keeping everything', async () => {
  let given = 0;
  async function* much() {
    for (; given < 200; given++) yield randomBytes(MIB);
  }
  const packed = compress(much(), never);
  await packed.next();
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(given).toBeLessThan(20);
  await packed.return(undefined);
});
