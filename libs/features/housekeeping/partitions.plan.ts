/** Which days have a table of their own. Pure; days are UTC, written `20261121`. */

/** Days made ahead: what comes while no worker runs for so long still finds its table. */
export const DAYS_AHEAD = 3;

const DAY_MS = 86_400_000;

export interface PartitionsNow {
  /** Days that have a partition. */
  existing: string[];
  /** Days of rows that lie in the default partition. */
  strays: string[];
}

export interface PartitionsPlan {
  create: string[];
  drop: string[];
}

export function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10).replaceAll('-', '');
}

export function startOfDay(day: string): Date {
  return new Date(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6, 8)}T00:00:00Z`);
}

/** @param now of the database. */
export function planPartitions(have: PartitionsNow, now: Date, retentionDays: number): PartitionsPlan {
  const today = startOfDay(dayOf(now)).getTime();
  const oldest = dayOf(oldestKept(now, retentionDays));
  const ahead = Array.from({ length: DAYS_AHEAD + 1 }, (_, days) => dayOf(new Date(today + days * DAY_MS)));
  const wanted = new Set([...ahead, ...have.strays.filter((day) => day >= oldest)]);
  return {
    create: [...wanted].filter((day) => !have.existing.includes(day)).sort(),
    drop: have.existing.filter((day) => day < oldest).sort(),
  };
}

/** The first moment that is kept: a day is dropped once all of it is older than the retention. */
export function oldestKept(now: Date, retentionDays: number): Date {
  return startOfDay(dayOf(new Date(now.getTime() - retentionDays * DAY_MS)));
}
