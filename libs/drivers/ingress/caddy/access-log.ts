/**
 * Reads on in the access log that base-config.ts asks Caddy for, one line per request:
 * `{"request":{"host":"web.apps.localhost:8000"},"duration":0.000016761,"status":200}`, about 80 bytes. The file is replaced when it is
 * full; the open handle still gives the rest of the old one.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { Durations } from '../durations.js';
import type { HostTraffic, TrafficReader } from '../port.js';

const CHUNK_BYTES = 256 * 1024;
/** Longest host name with its escapes and the rest of the line; longer ones are nobody's host. */
const MAX_LINE = 4096;
/** Hosts that one read tells apart; what strangers make up beyond that is not counted, and memory stays bounded. */
const MAX_HOSTS = 20_000;
const LINE = /^\{"request":\{"host":"([^"\\]*)"\},"duration":([0-9.eE+-]+),"status":(\d+)/;

export class AccessLog implements TrafficReader {
  private handle: FileHandle | null = null;
  private inode = 0;
  private offset = 0;
  /** Begin of a line whose end was not written yet. */
  private rest = '';
  /** Null: there is no log, or it is not ours to read. */
  private path: string | null = null;
  /** What is in the file when it is opened was written after our first look. */
  private fromStart = false;

  /** @param find path of the log; null when there is none. Asked when there is nothing open. */
  constructor(private readonly find: () => Promise<string | null>) {}

  async read(): Promise<Map<string, HostTraffic> | null> {
    const found = new Map<string, HostTraffic>();
    if (!this.handle && !(await this.begin())) return this.path === null ? null : found;
    await this.drain(found);
    if (await this.replaced()) {
      // Between the last look and the replacement more may have been written to the old file.
      await this.drain(found);
      await this.close();
      this.fromStart = true;
      if (await this.begin()) await this.drain(found);
    }
    return found;
  }

  async close(): Promise<void> {
    const handle = this.handle;
    this.handle = null;
    this.rest = '';
    await handle?.close();
  }

  /** @returns false when there is nothing to read yet: Caddy makes the file for the first request. */
  private async begin(): Promise<boolean> {
    this.path = await this.find();
    if (this.path === null) return false;
    const handle = await this.open(this.path);
    if (!handle) return false;
    const { ino, size } = await handle.stat();
    this.handle = handle;
    this.inode = ino;
    this.offset = this.fromStart ? 0 : size;
    return true;
  }

  private async open(file: string): Promise<FileHandle | null> {
    try {
      return await open(file, constants.O_RDONLY);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') this.fromStart = true;
      else if (code === 'EACCES') this.path = null;
      else throw error;
      return null;
    }
  }

  private async replaced(): Promise<boolean> {
    const now = await stat(this.path ?? '').catch(nullWhenAbsent);
    // Absent: in the moment between two files. The next read sees the new one.
    return now !== null && (now.ino !== this.inode || now.size < this.offset);
  }

  private async drain(found: Map<string, HostTraffic>): Promise<void> {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = (await this.handle?.read(buffer, 0, CHUNK_BYTES, this.offset)) ?? { bytesRead: 0 };
      if (bytesRead === 0) return;
      this.offset += bytesRead;
      this.take(buffer.toString('latin1', 0, bytesRead), found);
    }
  }

  private take(text: string, found: Map<string, HostTraffic>): void {
    const lines = (this.rest + text).split('\n');
    const rest = lines.pop() ?? '';
    this.rest = rest.length > MAX_LINE ? rest.slice(0, MAX_LINE) : rest;
    for (const line of lines) count(line, found);
  }
}

function count(line: string, found: Map<string, HostTraffic>): void {
  const match = LINE.exec(line);
  if (!match) return;
  const host = hostOf(match[1] as string);
  let traffic = found.get(host);
  if (!traffic) {
    if (found.size >= MAX_HOSTS) return;
    traffic = { requests: 0, errors: 0, durations: new Durations() };
    found.set(host, traffic);
  }
  traffic.requests += 1;
  if (Number(match[3]) >= 500) traffic.errors += 1;
  traffic.durations.add(Number(match[2]) * 1000);
}

function hostOf(authority: string): string {
  return authority.replace(/:\d*$/, '').toLowerCase();
}

/** For `catch`. */
function nullWhenAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
