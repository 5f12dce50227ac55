/**
 * ObjectStore on an S3-compatible server. What fits into one part is one PUT; the rest goes as a multipart upload, part after part, so that
 * memory holds one part. An object is visible when its upload is completed, never before.
 */
import { Readable } from 'node:stream';
import type { EgressGuard } from '#platform/egress.js';
import { AppError, NotFound } from '#platform/errors.js';
import { type ByteRange, type ObjectStore, requireKey, type StoredObject, writeAndReadBack } from '../port.js';
import { partsOf } from './parts.js';
import { patiently, S3Client, type S3Options } from './s3-client.js';
import { unreachable } from './s3-errors.js';
import { blocksOf, encode, textsOf } from './s3-xml.js';

export class S3Store implements ObjectStore {
  private readonly client: S3Client;

  /** @param guard judges the endpoint, which a user gave */
  constructor(
    private readonly options: S3Options,
    guard: Pick<EgressGuard, 'check'>,
  ) {
    this.client = new S3Client(options, guard);
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<{ bytes: number }> {
    const target = this.keyOf(key);
    let upload: string | null = null;
    let bytes = 0;
    const etags: string[] = [];
    try {
      for await (const { part, last } of partsOf(body)) {
        signal.throwIfAborted();
        bytes += part.byteLength;
        if (last && upload === null) await this.putWhole(target, part, signal);
        else {
          upload ??= await this.beginUpload(target, signal);
          etags.push(await this.putPart(target, upload, etags.length + 1, part, signal));
        }
      }
      signal.throwIfAborted();
      if (upload) await this.completeUpload(target, upload, etags, signal);
      return { bytes };
    } catch (error) {
      // Its parts cost money until it is aborted. A failure here would hide the first one; `remove` comes by again.
      if (upload) await this.abortUpload(target, upload, AbortSignal.timeout(30_000)).catch(() => undefined);
      throw error;
    }
  }

  async get(key: string, signal: AbortSignal, range?: ByteRange): Promise<Readable> {
    const headers = range ? { range: `bytes=${range.from}-${range.to ?? ''}` } : undefined;
    const response = await patiently(signal, () =>
      this.client.open({ method: 'GET', key: this.keyOf(key), headers, signal }),
    );
    return Readable.from(this.read(response, signal), { objectMode: false });
  }

  async find(key: string, signal: AbortSignal): Promise<StoredObject | null> {
    try {
      const call = { method: 'HEAD' as const, key: this.keyOf(key), signal };
      const { headers } = await patiently(signal, () => this.client.text(call));
      return { key, bytes: Number(headers['content-length']) };
    } catch (error) {
      if (error instanceof NotFound) return null;
      throw error;
    }
  }

  async *list(folder: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    const prefix = `${this.keyOf(folder)}/`;
    let next: string | undefined;
    do {
      const query = { 'list-type': '2', prefix, ...(next ? { 'continuation-token': next } : {}) };
      const { text } = await patiently(signal, () => this.client.text({ method: 'GET', key: '', query, signal }));
      for (const block of blocksOf(text, 'Contents')) yield this.listed(block);
      next = textsOf(text, 'NextContinuationToken')[0];
    } while (next);
  }

  async remove(key: string, signal: AbortSignal): Promise<void> {
    const keys = [key];
    for await (const each of this.list(key, signal)) keys.push(each.key);
    for (const each of keys) {
      const call = { method: 'DELETE' as const, key: this.keyOf(each), signal };
      await patiently(signal, () => this.client.text(call)).catch(nullWhenAbsent);
    }
    await this.abortUploadsBelow(this.keyOf(key), signal);
  }

  async check(signal: AbortSignal): Promise<{ freeBytes: number | null }> {
    await writeAndReadBack(this, signal);
    return { freeBytes: null };
  }

  private async *read(response: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
    try {
      yield* response;
    } catch (error) {
      signal.throwIfAborted();
      throw unreachable(this.options, error);
    }
  }

  private keyOf(key: string): string {
    return this.options.prefix ? `${this.options.prefix}/${requireKey(key)}` : requireKey(key);
  }

  private listed(block: string): StoredObject {
    const full = textsOf(block, 'Key')[0] ?? '';
    const { prefix } = this.options;
    return { key: prefix ? full.slice(prefix.length + 1) : full, bytes: Number(textsOf(block, 'Size')[0]) };
  }

  private async putWhole(key: string, body: Uint8Array, signal: AbortSignal): Promise<void> {
    await patiently(signal, () => this.client.text({ method: 'PUT', key, body, signal }));
  }

  private async beginUpload(key: string, signal: AbortSignal): Promise<string> {
    const call = { method: 'POST' as const, key, query: { uploads: '' }, signal };
    const { text } = await patiently(signal, () => this.client.text(call));
    const [id] = textsOf(text, 'UploadId');
    if (!id) throw unreachable(this.options, new Error(`no UploadId in: ${text.slice(0, 500)}`));
    return id;
  }

  private async putPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: Uint8Array,
    signal: AbortSignal,
  ): Promise<string> {
    const query = { partNumber: String(partNumber), uploadId };
    const { headers } = await patiently(signal, () => this.client.text({ method: 'PUT', key, query, body, signal }));
    return headers.etag ?? '';
  }

  private async completeUpload(key: string, uploadId: string, etags: string[], signal: AbortSignal): Promise<void> {
    const parts = etags.map(
      (etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${encode(etag)}</ETag></Part>`,
    );
    const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`);
    await patiently(signal, () => this.client.text({ method: 'POST', key, query: { uploadId }, body, signal }));
  }

  private async abortUpload(key: string, uploadId: string, signal: AbortSignal): Promise<void> {
    await this.client.text({ method: 'DELETE', key, query: { uploadId }, signal }).catch(nullWhenAbsent);
  }

  /** What killed processes left. A server that cannot list uploads (501) must be told to expire them itself: docs/backups.md says so. */
  private async abortUploadsBelow(prefix: string, signal: AbortSignal): Promise<void> {
    try {
      const query = { uploads: '', prefix };
      const { text } = await patiently(signal, () => this.client.text({ method: 'GET', key: '', query, signal }));
      for (const block of blocksOf(text, 'Upload')) {
        const [key = ''] = textsOf(block, 'Key');
        const mine = key === prefix || key.startsWith(`${prefix}/`);
        if (mine) await this.abortUpload(key, textsOf(block, 'UploadId')[0] ?? '', signal);
      }
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'object_store_refused')) throw error;
    }
  }
}

function nullWhenAbsent(error: unknown): null {
  if (error instanceof NotFound) return null;
  throw error;
}
