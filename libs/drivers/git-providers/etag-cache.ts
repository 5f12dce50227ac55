/** Answers with their ETag: asking again costs the provider nothing, and with GitHub nothing of the rate limit. Bounded; the oldest goes. */
import type { IncomingHttpHeaders } from 'node:http';

export interface CachedAnswer {
  etag: string;
  answer: { headers: IncomingHttpHeaders; body: string };
}

/** Characters of all bodies together. */
const MAX_SIZE = 4 * 1024 * 1024;

export class EtagCache {
  private readonly entries = new Map<string, CachedAnswer>();
  private size = 0;

  constructor(private readonly maxSize = MAX_SIZE) {}

  get(key: string): CachedAnswer | undefined {
    const entry = this.entries.get(key);
    if (entry) this.entries.delete(key) && this.entries.set(key, entry);
    return entry;
  }

  put(key: string, { etag, answer: { headers, body } }: CachedAnswer): void {
    this.drop(key);
    if (body.length > this.maxSize / 4) return;
    this.entries.set(key, { etag, answer: { headers, body } });
    this.size += body.length;
    for (const oldest of this.entries.keys()) {
      if (this.size <= this.maxSize) return;
      this.drop(oldest);
    }
  }

  private drop(key: string): void {
    this.size -= this.entries.get(key)?.answer.body.length ?? 0;
    this.entries.delete(key);
  }
}
