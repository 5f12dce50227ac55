/**
 * Gives memory back after work. V8 collects when something is allocated: a process that has become idle keeps the garbage of its last work
 * (its start above all) for good. So one full collection, once, when a busy time is over; it takes about 0.1 s in which nobody waits.
 */
const EVERY_MS = 10_000;
/** CPU time of an interval that leaves garbage worth collecting, and that of an idle one, milliseconds. */
const BUSY_MS = 500;
const QUIET_MS = 200;

/** Decides when. Pure. */
export class IdleWatch {
  private dirty = true;

  /** @param cpuMs of the interval that ends now @returns true: collect now */
  ends(cpuMs: number): boolean {
    if (cpuMs >= BUSY_MS) this.dirty = true;
    if (!this.dirty || cpuMs >= QUIET_MS) return false;
    this.dirty = false;
    return true;
  }
}

/** Does nothing in a process that was not started with `--expose-gc`. */
export function collectWhenIdle(): void {
  const collect = globalThis.gc;
  if (!collect) return;
  const watch = new IdleWatch();
  let before = process.cpuUsage();
  const tick = () => {
    const { user, system } = process.cpuUsage(before);
    if (watch.ends((user + system) / 1000)) collect();
    before = process.cpuUsage(); // without the collection itself
  };
  setInterval(tick, EVERY_MS).unref();
}
