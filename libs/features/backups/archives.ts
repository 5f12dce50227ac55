/** Files of backups: written from a dump as it comes, proven, read again. Memory holds a few chunks whatever the size. */
import { Injectable } from '@nestjs/common';
import { compress, decompress } from '#drivers/compressor/zstd.js';
import type { ObjectStore } from '#drivers/object-store/port.js';
import { SecretBox } from '#platform/secrets.js';
import { type ArchiveAbout, damaged, measured, opened, sealed } from './envelope.js';

export interface StoredArchive {
  key: string;
  sha256: string;
  storedBytes: number;
  dumpBytes: number;
}

export interface ArchiveRef {
  /** Of the backup. */
  id: string;
  key: string;
  sha256: string;
}

@Injectable()
export class Archives {
  constructor(private readonly box: SecretBox) {}

  /** What the dump throws is thrown, and nothing is left under the key. */
  async write(
    store: ObjectStore,
    key: string,
    about: ArchiveAbout,
    dump: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<StoredArchive> {
    let dumpBytes = 0;
    let stored = { sha256: '', bytes: 0 };
    const packed = compress(
      counted(dump, (bytes) => {
        dumpBytes += bytes;
      }),
      signal,
    );
    const file = measured(sealed(packed, about, this.box), (seen) => {
      stored = seen;
    });
    await store.put(key, file, signal);
    return { key, sha256: stored.sha256, storedBytes: stored.bytes, dumpBytes };
  }

  /** Reads all of it. @throws Conflict `backup_damaged`; NotFound `object_not_found` */
  async prove(store: ObjectStore, { id, key, sha256 }: ArchiveRef, signal: AbortSignal): Promise<void> {
    let found = '';
    const file = measured(await store.get(key, signal), (seen) => {
      found = seen.sha256;
    });
    for await (const _chunk of opened(file, id, this.box)) signal.throwIfAborted();
    if (found !== sha256) throw damaged(`its sha256 is ${found} instead of ${sha256}`);
  }

  /** The dump again. Each chunk is proven before it is given out. */
  async *read(store: ObjectStore, ref: ArchiveRef, signal: AbortSignal): AsyncGenerator<Buffer> {
    yield* decompress(this.packed(store, ref, signal), signal);
  }

  /** The same as a zstd file. */
  async *packed(store: ObjectStore, { id, key }: ArchiveRef, signal: AbortSignal): AsyncGenerator<Buffer> {
    yield* opened(await store.get(key, signal), id, this.box);
  }
}

async function* counted(input: AsyncIterable<Uint8Array>, count: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of input) {
    count(chunk.byteLength);
    yield chunk;
  }
}
