// Chance that can be repeated: the same seed gives the same numbers.

/** @typedef {{ number: () => number, between: (low: number, high: number) => number, pick: <T>(from: T[]) => T, shuffled: <T>(from: T[]) => T[] }} Random */

/** mulberry32 (public domain, Tommy Ettinger): 32 bits of state are plenty for a schedule. @param {number} seed @returns {Random} */
export function randomOf(seed) {
  let state = seed >>> 0;
  const number = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (low, high) => low + Math.floor(number() * (high - low + 1));
  const pick = (from) => from[between(0, from.length - 1)];
  const shuffled = (from) => {
    const all = [...from];
    for (let at = all.length - 1; at > 0; at--) {
      const other = between(0, at);
      [all[at], all[other]] = [all[other], all[at]];
    }
    return all;
  };
  return { number, between, pick, shuffled };
}
