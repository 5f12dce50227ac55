/**
 * The form of a stored archive: encrypted in chunks, so that any length passes in constant memory and nothing is given out that has not been
 * proven unchanged. Specification: docs/adr/0020.
 *
 *   "CNTRBKP1" | length of the header, 4 bytes | header, JSON | chunk ... | last chunk
 *
 * Each archive has a random key of its own, which the header holds sealed with the platform's key (CONTAINR_ENCRYPTION_KEY), bound to the
 * archive's id. A chunk is AES-256-GCM over at most 1 MiB: text of the same length and 16 bytes of tag. Its nonce is its number and whether
 * it is the last: chunks cannot be swapped, left out or cut off. Every tag covers the header's SHA-256.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { AppError, Conflict } from '#platform/errors.js';
import type { SecretBox } from '#platform/secrets.js';

const MAGIC = Buffer.from('CNTRBKP1');
const CHUNK_BYTES = 2 ** 20;
const TAG_BYTES = 16;
const MAX_HEADER_BYTES = 64 * 1024;

/** What an archive says of itself; nothing in it is secret. */
export interface ArchiveAbout {
  /** Id of the backup. */
  id: string;
  /** What the plain bytes are, e.g. `postgresql dump, zstd`. */
  content: string;
  createdAt: string;
}

interface Header extends ArchiveAbout {
  key: string;
  chunkBytes: number;
}

type Box = Pick<SecretBox, 'seal' | 'open'>;
const aad = (id: string) => `backup:${id}`;

/** Encrypts. What the input throws is thrown. */
export async function* sealed(input: AsyncIterable<Uint8Array>, about: ArchiveAbout, box: Box): AsyncGenerator<Buffer> {
  const key = randomBytes(32);
  const header: Header = { ...about, key: box.seal(key.toString('hex'), aad(about.id)), chunkBytes: CHUNK_BYTES };
  const head = framed(header);
  yield head;
  const seal = new Chunks(key, head);
  for await (const { bytes, last } of cut(input, CHUNK_BYTES)) yield seal.encrypt(bytes, last);
}

/**
 * Decrypts. Each chunk is given out once its tag has been checked; that the archive is whole is known at the end.
 * @throws Conflict `backup_damaged`; Internal `secret_unreadable` for another platform key
 */
export async function* opened(input: AsyncIterable<Uint8Array>, id: string, box: Box): AsyncGenerator<Buffer> {
  const reader = new Reader(input);
  const head = await reader.head();
  const header = parsed(head, id);
  const open = new Chunks(Buffer.from(box.open(header.key, aad(id)), 'hex'), head);
  for await (const { bytes, last } of cut(reader.rest(), header.chunkBytes + TAG_BYTES))
    yield open.decrypt(bytes, last);
}

/** Passes everything on and says at the end what it was. */
export async function* measured(
  input: AsyncIterable<Uint8Array>,
  done: (seen: { sha256: string; bytes: number }) => void,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of input) {
    hash.update(chunk);
    bytes += chunk.byteLength;
    yield chunk;
  }
  done({ sha256: hash.digest('hex'), bytes });
}

export function damaged(cause?: unknown): AppError {
  const message =
    'The backup is damaged: its file is not the one that was written. Nothing was changed; use another backup.';
  return new Conflict('backup_damaged', message, { cause });
}

class Chunks {
  private number = 0;
  private readonly aad: Buffer;

  constructor(
    private readonly key: Buffer,
    head: Buffer,
  ) {
    this.aad = createHash('sha256').update(head).digest();
  }

  encrypt(plain: Buffer, last: boolean): Buffer {
    const cipher = createCipheriv('aes-256-gcm', this.key, this.nonce(last)).setAAD(this.aad);
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  decrypt(sealedChunk: Buffer, last: boolean): Buffer {
    if (sealedChunk.length < TAG_BYTES) throw damaged('a chunk without a tag');
    const end = sealedChunk.length - TAG_BYTES;
    const decipher = createDecipheriv('aes-256-gcm', this.key, this.nonce(last)).setAAD(this.aad);
    decipher.setAuthTag(sealedChunk.subarray(end));
    try {
      return Buffer.concat([decipher.update(sealedChunk.subarray(0, end)), decipher.final()]);
    } catch (cause) {
      throw damaged(cause);
    }
  }

  /** Unique under a key that serves one archive. */
  private nonce(last: boolean): Buffer {
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32BE(this.number++, 7);
    nonce[11] = last ? 1 : 0;
    return nonce;
  }
}

/** Head (magic and header) first, then what follows. */
class Reader {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private carry: Buffer = Buffer.alloc(0);

  constructor(input: AsyncIterable<Uint8Array>) {
    this.chunks = input[Symbol.asyncIterator]();
  }

  async head(): Promise<Buffer> {
    const start = MAGIC.length + 4;
    await this.fill(start);
    if (!this.carry.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged('not an archive of ours');
    const length = this.carry.readUInt32BE(MAGIC.length);
    if (length > MAX_HEADER_BYTES) throw damaged('the header is too long');
    await this.fill(start + length);
    const head = Buffer.from(this.carry.subarray(0, start + length));
    this.carry = this.carry.subarray(start + length);
    return head;
  }

  async *rest(): AsyncGenerator<Uint8Array> {
    try {
      if (this.carry.length > 0) yield this.carry;
      for (let next = await this.chunks.next(); !next.done; next = await this.chunks.next()) yield next.value;
    } finally {
      await this.chunks.return?.();
    }
  }

  private async fill(bytes: number): Promise<void> {
    while (this.carry.length < bytes) {
      const next = await this.chunks.next();
      if (next.done) throw damaged('the header is cut off');
      this.carry = Buffer.concat([this.carry, next.value]);
    }
  }
}

function framed(header: Header): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([MAGIC, length, text]);
}

function parsed(head: Buffer, id: string): Header {
  let header: Header;
  try {
    header = JSON.parse(head.toString('utf8', MAGIC.length + 4)) as Header;
  } catch (cause) {
    throw damaged(cause);
  }
  // The tags do not cover what is wrong before the first of them is checked.
  if (header.id !== id || header.chunkBytes !== CHUNK_BYTES || typeof header.key !== 'string') {
    throw damaged('the header is of another archive');
  }
  return header;
}

/** Pieces of exactly this size; the last one, which is told, may be shorter. Always at least one. */
async function* cut(input: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<{ bytes: Buffer; last: boolean }> {
  let kept: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input) {
    let rest = chunk;
    while (length + rest.byteLength > size) {
      const fits = size - length;
      yield { bytes: Buffer.concat([...kept, rest.subarray(0, fits)]), last: false };
      rest = rest.subarray(fits);
      kept = [];
      length = 0;
    }
    if (rest.byteLength > 0) kept.push(rest);
    length += rest.byteLength;
  }
  yield { bytes: Buffer.concat(kept), last: true };
}
