/** Keeps one claimed run ours: renews the lease, and turns its loss, a cancel or a shutdown into an abort of the work. */
import type { PrismaService } from '#platform/prisma/prisma.service.js';
import { LEASE_SECONDS, LeaseLost, renewLease } from './runs.queries.js';
import type { RunRef } from './workflow.js';

/** The user asked to stop: undo. */
export class Cancelled extends Error {}
/** The worker goes away: leave everything to the next one. */
export class ShuttingDown extends Error {}

/** Also the longest time until a cancel is noticed. Milliseconds. */
const RENEW_EVERY_MS = 1000;

export class Lease {
  private readonly lost = new AbortController();
  private readonly cancelled = new AbortController();
  private renewedAt = performance.now();
  private timer: NodeJS.Timeout;

  constructor(
    private readonly db: PrismaService,
    private readonly run: RunRef,
    shutdown: AbortSignal,
  ) {
    this.timer = setTimeout(() => void this.renew(), RENEW_EVERY_MS);
    const leave = () => this.lost.abort(new ShuttingDown());
    if (shutdown.aborted) leave();
    shutdown.addEventListener('abort', leave, { once: true });
    this.lost.signal.addEventListener('abort', () => shutdown.removeEventListener('abort', leave), { once: true });
  }

  /** Aborts when this worker must stop touching the run. */
  get ownership(): AbortSignal {
    return this.lost.signal;
  }

  /** Aborts when the user cancelled. */
  get cancel(): AbortSignal {
    return this.cancelled.signal;
  }

  requestCancel(): void {
    this.cancelled.abort(new Cancelled());
  }

  close(): void {
    clearTimeout(this.timer);
    this.lost.abort(new LeaseLost());
  }

  private async renew(): Promise<void> {
    // Measured before the query: the lease in the database can only end later than this worker believes.
    const asked = performance.now();
    try {
      if (await this.withinLease(renewLease(this.db, this.run))) this.requestCancel();
      this.renewedAt = asked;
    } catch (error) {
      const age = performance.now() - this.renewedAt;
      if (error instanceof LeaseLost || age > (LEASE_SECONDS - 1) * 1000) return this.lost.abort(new LeaseLost());
    }
    if (!this.lost.signal.aborted) this.timer = setTimeout(() => void this.renew(), RENEW_EVERY_MS);
  }

  /** A database that hangs must not make us believe that the lease is still ours. */
  private withinLease<T>(query: Promise<T>): Promise<T> {
    const left = (LEASE_SECONDS - 1) * 1000 - (performance.now() - this.renewedAt);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new LeaseLost()), Math.max(left, 0));
      query.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}
