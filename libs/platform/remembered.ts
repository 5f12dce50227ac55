/** Answers of the database, remembered for a few seconds: many requests at once ask once, and a change counts at most that much later. */
export class Remembered<T> {
  /** In order of insertion, which is the order of expiry. */
  private readonly entries = new Map<string, { until: number; answer: Promise<T> }>();

  constructor(
    private readonly ttlMs: number,
    private readonly maxEntries = 10_000,
  ) {}

  get(key: string, load: () => Promise<T>): Promise<T> {
    const now = performance.now();
    const known = this.entries.get(key);
    if (known && known.until > now) return known.answer;
    const entry = { until: now + this.ttlMs, answer: load() };
    this.remember(key, entry);
    // A failed query is no answer: the next request asks again. Who waits for this one gets the error.
    entry.answer.catch(() => this.entries.get(key) === entry && this.entries.delete(key));
    return entry.answer;
  }

  /** After a change that must count at once in this process. */
  forget(key: string): void {
    this.entries.delete(key);
  }

  private remember(key: string, entry: { until: number; answer: Promise<T> }): void {
    this.entries.delete(key);
    this.entries.set(key, entry);
    if (this.entries.size <= this.maxEntries) return;
    const oldest = this.entries.keys().next();
    if (!oldest.done) this.entries.delete(oldest.value);
  }
}
