/**
 * Reads git objects. Small fetches leave loose objects, which are one zlib file each and need no process; for packed ones a single
 * `git cat-file --batch` is started and ends with the reader. Formats: gitformat-pack(5), "Git Objects" in the Pro Git book.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import { Internal } from '#platform/errors.js';
import { type GitChild, killGroup, spawnGit, whenDone } from './local-git.js';

export interface GitObject {
  oid: string;
  type: 'commit' | 'tree' | 'blob' | 'tag';
  /** Bytes of the whole object; `data` may be its beginning only. */
  size: number;
  data: Buffer;
}

export interface TreeEntry {
  /** Octal as git writes it: 40000 tree, 100644/100755 file, 120000 symlink, 160000 submodule. */
  mode: string;
  name: string;
  oid: string;
}

/** Loose objects above this (inflated) are left to git, which streams them. Bytes. */
const LOOSE_LIMIT = 16 * 1024 * 1024;
const unzip = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate);

export class ObjectReader {
  private batch: BatchReader | null = null;

  constructor(private readonly repository: string) {}

  /**
   * @param limit at most this many bytes of data are read; the reader must not be used after a cut object.
   * @returns null when there is no such object
   */
  async read(oid: string, limit = Number.POSITIVE_INFINITY): Promise<GitObject | null> {
    const loose = await this.loose(oid);
    if (loose) return { ...loose, data: loose.data.subarray(0, limit) };
    this.batch ??= new BatchReader(this.repository);
    return this.batch.read(oid, limit);
  }

  close(): void {
    this.batch?.close();
    this.batch = null;
  }

  private async loose(oid: string): Promise<GitObject | null> {
    try {
      const file = await readFile(join(this.repository, 'objects', oid.slice(0, 2), oid.slice(2)));
      const bytes = await unzip(file, { maxOutputLength: LOOSE_LIMIT });
      const end = bytes.indexOf(0);
      const [type, size] = bytes.toString('latin1', 0, end).split(' ');
      return { oid, type: type as GitObject['type'], size: Number(size), data: bytes.subarray(end + 1) };
    } catch {
      return null; // Packed, too large or damaged: git itself says which.
    }
  }
}

/** One `git cat-file --batch`: an id in, `<oid> <type> <size>\n<data>\n` out. */
class BatchReader {
  private readonly child: GitChild;
  private readonly chunks: AsyncIterator<Buffer>;
  private buffered = Buffer.alloc(0);
  private failure: Error | null = null;

  constructor(repository: string) {
    this.child = spawnGit(repository, ['cat-file', '--batch']);
    this.chunks = this.child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.child.stdin.on('error', () => undefined); // It died: the read that waits for its output reports that.
    whenDone(this.child).catch((error: Error) => {
      this.failure = error;
    });
  }

  async read(oid: string, limit: number): Promise<GitObject | null> {
    this.child.stdin.write(`${oid}\n`);
    let end = this.buffered.indexOf(10);
    while (end < 0) {
      await this.more();
      end = this.buffered.indexOf(10);
    }
    const [found = '', type, size] = this.buffered.toString('latin1', 0, end).split(' ');
    this.buffered = this.buffered.subarray(end + 1);
    if (size === undefined) return null;
    const data = await this.take(Math.min(Number(size), limit));
    if (Number(size) <= limit) await this.take(1);
    return { oid: found, type: type as GitObject['type'], size: Number(size), data };
  }

  close(): void {
    killGroup(this.child);
  }

  private async take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [this.buffered];
    let have = this.buffered.length;
    while (have < length) {
      const part = await this.next();
      parts.push(part);
      have += part.length;
    }
    const all = Buffer.concat(parts);
    this.buffered = all.subarray(length);
    return all.subarray(0, length);
  }

  private async more(): Promise<void> {
    this.buffered = Buffer.concat([this.buffered, await this.next()]);
  }

  private async next(): Promise<Buffer> {
    const step = await this.chunks.next();
    if (!step.done) return step.value;
    throw new Internal('git_failed', 'The git repository on the platform could not be read.', { cause: this.failure });
  }
}

export function parseCommit(data: Buffer): { tree: string; subject: string; message: string } {
  const text = data.toString('utf8');
  const message = text.slice(text.indexOf('\n\n') + 2).trimStart();
  return { tree: /^tree ([0-9a-f]{40})$/m.exec(text)?.[1] ?? '', subject: message.split('\n', 1)[0] ?? '', message };
}

export function parseTree(data: Buffer): TreeEntry[] {
  const entries: TreeEntry[] = [];
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(32, at);
    const end = data.indexOf(0, space);
    const mode = data.toString('latin1', at, space);
    entries.push({ mode, name: data.toString('utf8', space + 1, end), oid: data.toString('hex', end + 1, end + 21) });
    at = end + 21;
  }
  return entries;
}

export const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
