import { randomBytes } from 'node:crypto';
import { SecretBox } from '#platform/secrets.js';
import { measured, opened, sealed } from './envelope.js';

const box = new SecretBox({ CONTAINR_ENCRYPTION_KEY: 'a'.repeat(64) });
const about = { id: 'b1', content: 'test', createdAt: '2026-01-01T00:00:00.000Z' };
const MIB = 2 ** 20;
const CHUNK = MIB + 16;

async function* of(...chunks: (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

async function all(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const seal = (...chunks: (string | Buffer)[]) => all(sealed(of(...chunks), about, box));
const open = (archive: Buffer, id = 'b1', with_ = box) => all(opened(of(archive), id, with_));
const damage = { code: 'backup_damaged', status: 409 };

it.each([0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 5])('gives %d bytes back', async (bytes) => {
  const plain = randomBytes(bytes);
  const archive = await seal(plain.subarray(0, bytes >> 1), plain.subarray(bytes >> 1));
  expect((await open(archive)).equals(plain)).toBe(true);
  // Whatever pieces it comes in.
  const pieces: Buffer[] = [];
  for (let at = 0; at < archive.length; at += 77_777) pieces.push(archive.subarray(at, at + 77_777));
  expect((await all(opened(of(...pieces), 'b1', box))).equals(plain)).toBe(true);
});

it('shows nothing of the content and never looks the same twice', async () => {
  const one = await seal('the secret of the customer');
  expect(one.includes('secret of')).toBe(false);
  expect((await seal('the secret of the customer')).equals(one)).toBe(false);
});

it('refuses any flipped bit', async () => {
  const archive = await seal(randomBytes(2 * MIB + 100));
  const header = 12 + archive.readUInt32BE(8);
  const places = [
    0,
    7,
    8,
    11,
    12,
    40,
    header - 1,
    header,
    header + 1,
    header + CHUNK - 1,
    header + CHUNK,
    archive.length - 1,
  ];
  for (const place of places) {
    for (const bit of [1, 128]) {
      const flipped = Buffer.from(archive);
      flipped[place] = (flipped[place] as number) ^ bit;
      await expect(open(flipped)).rejects.toMatchObject({
        code: expect.stringMatching(/^backup_damaged|secret_unreadable$/),
      });
    }
  }
});

it('refuses what is cut off, at every kind of place', async () => {
  const archive = await seal(randomBytes(2 * MIB + 100));
  const header = 12 + archive.readUInt32BE(8);
  const places = [0, 5, 12, header - 1, header, header + 15, header + CHUNK, header + 2 * CHUNK, archive.length - 1];
  for (const end of places) await expect(open(archive.subarray(0, end))).rejects.toMatchObject(damage);
});

it('refuses swapped, repeated, missing and added chunks', async () => {
  const archive = await seal(randomBytes(3 * MIB + 100));
  const header = 12 + archive.readUInt32BE(8);
  const head = archive.subarray(0, header);
  const chunk = (index: number) => archive.subarray(header + index * CHUNK, header + (index + 1) * CHUNK);
  const made = (...chunks: Buffer[]) => open(Buffer.concat([head, ...chunks]));
  await expect(made(chunk(1), chunk(0), chunk(2), chunk(3))).rejects.toMatchObject(damage);
  await expect(made(chunk(0), chunk(0), chunk(1), chunk(2), chunk(3))).rejects.toMatchObject(damage);
  await expect(made(chunk(0), chunk(2), chunk(3))).rejects.toMatchObject(damage);
  await expect(made(chunk(0), chunk(1), chunk(2), chunk(3), Buffer.from('x'))).rejects.toMatchObject(damage);
});

it('refuses the header of another archive, another id and another platform key', async () => {
  const [one, two] = [await seal('one'), await seal('two')];
  const header = (archive: Buffer) => 12 + archive.readUInt32BE(8);
  const mixed = Buffer.concat([one.subarray(0, header(one)), two.subarray(header(two))]);
  await expect(open(mixed)).rejects.toMatchObject(damage);
  await expect(open(one, 'b2')).rejects.toMatchObject(damage);
  const other = new SecretBox({ CONTAINR_ENCRYPTION_KEY: 'b'.repeat(64) });
  await expect(open(one, 'b1', other)).rejects.toMatchObject({ code: 'secret_unreadable' });
});

it('gives out nothing of a chunk before its tag is right', async () => {
  const archive = await seal(randomBytes(2 * MIB));
  archive[archive.length - 1] = (archive.at(-1) as number) ^ 1;
  const seen: number[] = [];
  const reading = (async () => {
    for await (const chunk of opened(of(archive), 'b1', box)) seen.push(chunk.length);
  })();
  await expect(reading).rejects.toMatchObject(damage);
  expect(seen).toEqual([MIB]);
});

it('throws what its input throws', async () => {
  const failure = new Error('the dump broke');
  async function* broken() {
    yield Buffer.from('x');
    throw failure;
  }
  await expect(all(sealed(broken(), about, box))).rejects.toBe(failure);
});

it('measures what passes', async () => {
  let seen = {};
  expect(String(await all(measured(of('a', 'bc'), (found) => (seen = found))))).toBe('abc');
  expect(seen).toEqual({ bytes: 3, sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' });
});
