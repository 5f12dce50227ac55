/** ObjectStore in memory. A test may take it away, or let it become full after so many bytes. */
import { Readable } from 'node:stream';
import { Capacity, Invalid } from '#platform/errors.js';
import {
  type ByteRange,
  type ObjectStore,
  objectNotFound,
  requireKey,
  type StoredObject,
  writeAndReadBack,
} from './port.js';
import type { ObjectStores, S3Options } from './stores.js';

export class FakeObjectStore implements ObjectStore {
  readonly objects = new Map<string, Buffer>();
  missing = false;
  /** Bytes that still fit; null: any number. */
  room: number | null = null;

  async put(key: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<{ bytes: number }> {
    requireKey(key);
    this.requirePresent();
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of body) {
      signal.throwIfAborted();
      bytes += chunk.byteLength;
      if (this.room !== null && bytes > this.room)
        throw new Capacity('object_store_full', 'The backup target is full: free some space, then back up again.');
      chunks.push(Buffer.from(chunk));
    }
    signal.throwIfAborted();
    this.objects.set(key, Buffer.concat(chunks));
    return { bytes };
  }

  async get(key: string, signal: AbortSignal, range: ByteRange = { from: 0 }): Promise<Readable> {
    signal.throwIfAborted();
    this.requirePresent();
    const found = this.objects.get(requireKey(key));
    if (!found) throw objectNotFound(key);
    return Readable.from(pieces(found.subarray(range.from, range.to === undefined ? undefined : range.to + 1)));
  }

  async find(key: string): Promise<StoredObject | null> {
    this.requirePresent();
    const found = this.objects.get(requireKey(key));
    return found ? { key, bytes: found.length } : null;
  }

  async *list(folder: string): AsyncGenerator<StoredObject> {
    this.requirePresent();
    for (const [key, { length }] of this.objects) if (key.startsWith(`${folder}/`)) yield { key, bytes: length };
  }

  async remove(key: string): Promise<void> {
    this.requirePresent();
    for (const each of [...this.objects.keys()])
      if (each === requireKey(key) || each.startsWith(`${key}/`)) this.objects.delete(each);
  }

  async check(signal: AbortSignal): Promise<{ freeBytes: number | null }> {
    await writeAndReadBack(this, signal);
    return { freeBytes: this.room };
  }

  private requirePresent(): void {
    if (this.missing) throw new Invalid('object_store_missing', 'The backup target does not exist: is it mounted?');
  }
}

function* pieces(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; at += 64 * 1024) yield content.subarray(at, at + 64 * 1024);
}

/** Buckets are told apart by endpoint and bucket. */
export class FakeObjectStores implements ObjectStores {
  readonly own = new FakeObjectStore();
  readonly buckets = new Map<string, FakeObjectStore>();

  s3({ endpoint, bucket }: S3Options): FakeObjectStore {
    const name = `${endpoint}/${bucket}`;
    const known = this.buckets.get(name) ?? new FakeObjectStore();
    this.buckets.set(name, known);
    return known;
  }
}
