/** A clock that never overlaps with itself: the next tick is counted, or its moment asked for, at the end of the last. */
export class Ticker {
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly everyMs: number | (() => number),
    private readonly tick: () => Promise<void>,
    private readonly onError: (error: unknown) => void,
  ) {}

  start(): void {
    this.schedule(0);
  }

  /** Ticks now, or once more when a tick is under way. */
  nudge(): void {
    if (this.timer) this.schedule(0);
  }

  /** Resolves when no tick is under way any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer) clearTimeout(this.timer);
    await this.running;
  }

  private schedule(ms: number): void {
    if (this.stopped) return;
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.running = this.tick()
        .catch(this.onError)
        .then(() => this.schedule(typeof this.everyMs === 'number' ? this.everyMs : this.everyMs()));
    }, ms);
  }
}
