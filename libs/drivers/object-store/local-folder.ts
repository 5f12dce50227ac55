/**
 * ObjectStore in a folder of this machine: a disk, or a file system mounted from elsewhere. A put writes `<key>.partial`, flushes it and
 * renames it: rename(2) is atomic, and the folder is flushed too, so that a power cut leaves the whole object or none.
 */
import { constants } from 'node:fs';
import { access, mkdir, open, opendir, rename, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { AppError, Capacity, Invalid, Unavailable } from '#platform/errors.js';
import {
  type ByteRange,
  type ObjectStore,
  objectNotFound,
  requireKey,
  type StoredObject,
  writeAndReadBack,
} from './port.js';

const PARTIAL = '.partial';
const READ_BYTES = 256 * 1024;

export interface LocalFolderOptions {
  folder: string;
  /**
   * Makes the folder when it is missing. Off for a folder that the operator named: when its disk is not mounted, backups must fail instead
   * of filling the disk below.
   */
  make: boolean;
}

export class LocalFolder implements ObjectStore {
  constructor(private readonly options: LocalFolderOptions) {}

  async put(key: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<{ bytes: number }> {
    const target = this.pathOf(key);
    await this.requireRoot();
    try {
      await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
      const bytes = await writeFlushed(`${target}${PARTIAL}`, body, signal);
      await rename(`${target}${PARTIAL}`, target);
      await flushFolder(path.dirname(target));
      return { bytes };
    } catch (error) {
      // On a full disk the space comes back at once. A second failure here would only hide the first; `remove` comes by again.
      await rm(`${target}${PARTIAL}`, { force: true }).catch(() => undefined);
      throw this.translate(error);
    }
  }

  async get(key: string, signal: AbortSignal, range: ByteRange = { from: 0 }): Promise<Readable> {
    signal.throwIfAborted();
    await this.requireRoot();
    const file = await open(this.pathOf(key), 'r').catch((error) => {
      throw isAbsent(error) ? objectNotFound(key) : this.translate(error);
    });
    const options = { start: range.from, highWaterMark: READ_BYTES, signal };
    return file.createReadStream(range.to === undefined ? options : { ...options, end: range.to });
  }

  async find(key: string): Promise<StoredObject | null> {
    await this.requireRoot();
    const found = await stat(this.pathOf(key)).catch((error) => {
      if (!isAbsent(error)) throw this.translate(error);
      return null;
    });
    return found?.isFile() ? { key, bytes: found.size } : null;
  }

  async *list(folder: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    await this.requireRoot();
    const start = this.pathOf(folder);
    const entries = await opendir(start, { recursive: true }).catch((error) => {
      if (!isAbsent(error)) throw this.translate(error);
      return null;
    });
    for await (const entry of entries ?? []) {
      signal.throwIfAborted();
      if (!entry.isFile() || entry.name.endsWith(PARTIAL)) continue;
      const full = path.join(entry.parentPath, entry.name);
      const found = await stat(full).catch(nullWhenAbsent);
      if (found) yield { key: path.relative(this.options.folder, full).split(path.sep).join('/'), bytes: found.size };
    }
  }

  async remove(key: string): Promise<void> {
    const target = this.pathOf(key);
    try {
      await rm(target, { recursive: true, force: true });
      await rm(`${target}${PARTIAL}`, { force: true });
    } catch (error) {
      throw this.translate(error);
    }
  }

  async check(signal: AbortSignal): Promise<{ freeBytes: number | null }> {
    await writeAndReadBack(this, signal);
    const { bavail, bsize } = await statfs(this.options.folder);
    return { freeBytes: bavail * bsize };
  }

  private pathOf(key: string): string {
    return path.join(this.options.folder, ...requireKey(key).split('/'));
  }

  private async requireRoot(): Promise<void> {
    const { folder, make } = this.options;
    try {
      if (make) await mkdir(folder, { recursive: true, mode: 0o700 });
      await access(folder, constants.R_OK | constants.X_OK);
    } catch (error) {
      throw this.translate(error);
    }
  }

  /** Errors of the file system as the port's; everything else (what a body threw, an abort) stays what it is. */
  private translate(error: unknown): unknown {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (error instanceof AppError || !syscall) return error;
    const { folder } = this.options;
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
      const message = `The backup folder ${folder} is full (${code}): free some space or choose another target, then back up again.`;
      return new Capacity('object_store_full', message, { cause: error });
    }
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      const message = `The backup folder ${folder} does not exist: is its disk mounted? Nothing was written elsewhere instead.`;
      return new Invalid('object_store_missing', message, { cause: error });
    }
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      const message = `The backup folder ${folder} cannot be used (${code}): its owner must be the user that Containr runs as.`;
      return new Invalid('object_store_denied', message, { cause: error });
    }
    const message = `The backup folder ${folder} does not work (${code}): look at its disk.`;
    return new Unavailable('object_store_unreachable', message, { cause: error });
  }
}

async function writeFlushed(file: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<number> {
  const handle = await open(file, 'w', 0o600);
  try {
    let bytes = 0;
    for await (const chunk of body) {
      signal.throwIfAborted();
      await handle.writeFile(chunk); // all of it: write(2) may take less
      bytes += chunk.byteLength;
    }
    signal.throwIfAborted();
    await handle.sync();
    return bytes;
  } finally {
    await handle.close();
  }
}

async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const isAbsent = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

function nullWhenAbsent(error: unknown): null {
  if (isAbsent(error)) return null;
  throw error;
}
