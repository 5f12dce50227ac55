/** How long many requests took, in a few counters that can be added up: each bucket is 10 % wider than the one before it. */

const STEP = Math.log(1.1);
/** Milliseconds; everything shorter counts as this. */
const SHORTEST = 0.1;

export class Durations {
  private readonly buckets = new Map<number, number>();
  private total = 0;

  add(milliseconds: number): void {
    this.count(Math.ceil(Math.log(Math.max(milliseconds, SHORTEST) / SHORTEST) / STEP), 1);
  }

  /** Takes over everything that the other has counted. */
  merge(other: Durations): this {
    for (const [bucket, count] of other.buckets) this.count(bucket, count);
    return this;
  }

  /**
   * Milliseconds within which this share (0 to 1) of the requests was answered: the upper end of a bucket, so at most 10 % too long.
   * Null without a request.
   */
  quantile(share: number): number | null {
    let left = Math.ceil(share * this.total);
    for (const bucket of [...this.buckets.keys()].sort((a, b) => a - b)) {
      left -= this.buckets.get(bucket) ?? 0;
      if (left <= 0) return SHORTEST * Math.exp(bucket * STEP);
    }
    return null;
  }

  private count(bucket: number, count: number): void {
    this.buckets.set(bucket, (this.buckets.get(bucket) ?? 0) + count);
    this.total += count;
  }
}
