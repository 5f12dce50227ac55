/** The last items of a stream of any length, within a number of items and of bytes: memory never grows beyond that. */
const COMPACT = 1024;

export class BoundedTail<T> {
  private kept: T[] = [];
  private start = 0;
  private bytes = 0;
  private dropped = false;

  constructor(
    private readonly maxItems: number,
    private readonly maxBytes: number,
    private readonly sizeOf: (item: T) => number,
  ) {}

  push(item: T): void {
    this.kept.push(item);
    this.bytes += this.sizeOf(item);
    while (this.start < this.kept.length && this.isOver()) {
      this.dropped ||= this.bytes > this.maxBytes;
      this.bytes -= this.sizeOf(this.kept[this.start] as T);
      this.start += 1;
    }
    if (this.start < COMPACT || this.start * 2 < this.kept.length) return;
    this.kept = this.kept.slice(this.start);
    this.start = 0;
  }

  items(): T[] {
    return this.kept.slice(this.start);
  }

  /** Items were dropped for their bytes, not for their number. */
  get cut(): boolean {
    return this.dropped;
  }

  private isOver(): boolean {
    return this.kept.length - this.start > this.maxItems || this.bytes > this.maxBytes;
  }
}
