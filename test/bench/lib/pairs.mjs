// Statistics of paired samples. Pure. The machine's speed swings between minutes, so sample i of ours is compared with sample i of the
// floor, taken right before or after it, and never a median with a median of another time.

/** @typedef {{ median: number, min: number, max: number }} Summary */

const ascending = (values) => [...values].sort((a, b) => a - b);

/** Between the two middle ones for an even count. @param {number[]} values @throws RangeError when empty */
export function median(values) {
  return percentile(values, 50);
}

/** Interpolates linearly between ranks. @param {number[]} values @param {number} percent 0 to 100 @throws RangeError when empty */
export function percentile(values, percent) {
  if (values.length === 0) throw new RangeError('no samples');
  const sorted = ascending(values);
  const rank = (percent / 100) * (sorted.length - 1);
  const below = sorted[Math.floor(rank)];
  return below + (sorted[Math.ceil(rank)] - below) * (rank - Math.floor(rank));
}

/** @param {number[]} values @returns {Summary} */
export function summary(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** ours[i] / floor[i]. @param {number[]} floor @param {number[]} ours @throws RangeError when they are not pairs */
export function ratios(floor, ours) {
  requirePairs(floor, ours);
  return ours.map((value, i) => value / floor[i]);
}

/** ours[i] - floor[i]. @param {number[]} floor @param {number[]} ours @throws RangeError when they are not pairs */
export function differences(floor, ours) {
  requirePairs(floor, ours);
  return ours.map((value, i) => value - floor[i]);
}

function requirePairs(floor, ours) {
  if (floor.length !== ours.length) throw new RangeError(`${floor.length} and ${ours.length} samples are not pairs`);
}

/**
 * A line of the table whose goal is a bound on the median of the paired ratios.
 * @param {{ label: string, unit: string, floor: number[], ours: number[], atMost?: number, atLeast?: number }} measured
 * @returns {import('./table.mjs').Line}
 */
export function ratioLine({ label, unit, floor, ours, atMost = Infinity, atLeast = 0 }) {
  const ratio = summary(ratios(floor, ours));
  const goal = atMost === Infinity ? `>= ${atLeast}x` : `<= ${atMost}x`;
  return { label, unit, floor, ours, goal, ok: ratio.median <= atMost && ratio.median >= atLeast, ratio };
}

/**
 * A line whose goal is a bound on one number made of the samples, without a floor.
 * @param {{ label: string, unit: string, ours: number[], atMost: number, percent?: number }} measured percent: which percentile, default 50
 * @returns {import('./table.mjs').Line}
 */
export function boundLine({ label, unit, ours, atMost, percent = 50 }) {
  const value = percentile(ours, percent);
  const goal = `<= ${atMost} ${unit}`;
  const line = { label, unit, floor: null, ours, goal, ok: value <= atMost };
  return percent === 50 ? line : { ...line, note: `p${percent}: ${value.toFixed(1)}` };
}
