/**
 * ObjectStore: whole files under keys, for backups. Implementations: a local folder, S3-compatible servers, memory (tests). All pass
 * `conformance.ts`.
 *
 * A key is visible only once its last byte is stored safely: what reads it finds the whole object or none. What an interrupted `put` left
 * is invisible and goes with `remove`.
 *
 * Errors: NotFound `object_not_found`; Invalid `object_store_missing` (no such folder or bucket), `object_store_denied` (not writable, wrong
 * credentials), `object_store_refused` (anything else that trying again does not change); Capacity `object_store_full`; Unavailable
 * `object_store_unreachable`. `signal` aborts a call: it then rejects with signal.reason.
 */
import { Readable } from 'node:stream';
import { Invalid, NotFound } from '#platform/errors.js';

export interface StoredObject {
  key: string;
  bytes: number;
}

export interface ByteRange {
  /** First byte. */
  from: number;
  /** Last byte, inclusive; without it the object's end. */
  to?: number;
}

export interface ObjectStore {
  /**
   * Stores the body under the key, replacing what was there. Memory stays bounded however long the body is. What the body throws is thrown.
   * @returns the number of bytes
   */
  put(key: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<{ bytes: number }>;
  /** The caller reads the stream to its end or destroys it. */
  get(key: string, signal: AbortSignal, range?: ByteRange): Promise<Readable>;
  /** Null when there is no such object. */
  find(key: string, signal: AbortSignal): Promise<StoredObject | null>;
  /** Every object below a folder key, in no promised order. Unfinished ones are not listed. */
  list(folder: string, signal: AbortSignal): AsyncIterable<StoredObject>;
  /** The object of this key, everything below it as a folder, and what interrupted puts left there. Absent already: fine. */
  remove(key: string, signal: AbortSignal): Promise<void>;
  /**
   * Writes, reads and removes a small object.
   * @returns bytes free, null when the store does not tell
   */
  check(signal: AbortSignal): Promise<{ freeBytes: number | null }>;
}

const KEY = /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)*$/;

/** Keys are made by us of ids and plain words: the same on every file system and in every URL. @throws Error, a defect of the caller */
export function requireKey(key: string): string {
  if (!KEY.test(key) || key.length > 500) throw new Error(`not a key of an object: ${key}`);
  return key;
}

export function objectNotFound(key: string): NotFound {
  return new NotFound('object_not_found', `The stored file ${key} does not exist (any more).`);
}

/** The object that `check` writes. */
export const CHECK_KEY = 'containr-check';

/** What every implementation's `check` does with itself. */
export async function writeAndReadBack(store: ObjectStore, signal: AbortSignal): Promise<void> {
  const wanted = Buffer.from(`containr ${new Date().toISOString()}`);
  const key = `${CHECK_KEY}/${process.pid}-${process.hrtime.bigint()}`;
  await store.put(key, Readable.from([wanted]), signal);
  const chunks: Buffer[] = [];
  for await (const chunk of await store.get(key, signal)) chunks.push(chunk as Buffer);
  await store.remove(key, signal);
  if (!Buffer.concat(chunks).equals(wanted)) {
    throw new Invalid('object_store_refused', 'What was written to the backup target did not come back the same.');
  }
}
