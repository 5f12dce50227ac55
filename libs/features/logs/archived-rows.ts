/** Which archived rows an answer needs, and in which order they are read. Pure. */

export interface ArchivedRow {
  deployment: string;
  replica: number;
  at: Date;
  lines: number;
  firstAt: Date;
  lastAt: Date;
}

/**
 * Of rows by their last line, newest first: those that can hold one of the last `limit` lines of all. Enough lines, then also every row
 * that reaches into their time.
 */
export function chosenRows(rows: ArchivedRow[], limit: number): ArchivedRow[] {
  let lines = 0;
  let oldest = Number.POSITIVE_INFINITY;
  const end = rows.findIndex((row) => {
    if (lines >= limit) return row.lastAt.getTime() < oldest;
    lines += row.lines;
    oldest = Math.min(oldest, row.firstAt.getTime());
    return false;
  });
  return end === -1 ? rows : rows.slice(0, end);
}

/** Rows that follow each other in time share a lane: as many lanes as rows overlap. Each lane is sorted. */
export function lanesOf(rows: ArchivedRow[]): ArchivedRow[][] {
  const lanes: ArchivedRow[][] = [];
  for (const row of [...rows].sort((a, b) => a.firstAt.getTime() - b.firstAt.getTime())) {
    // Strictly later: ends are cut to milliseconds.
    const free = lanes.find((lane) => (lane.at(-1) as ArchivedRow).lastAt < row.firstAt);
    if (free) free.push(row);
    else lanes.push([row]);
  }
  return lanes;
}
