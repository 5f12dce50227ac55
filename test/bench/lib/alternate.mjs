// As interleave.mjs, for samples that are more than one number.

/**
 * @template T
 * @param {{ pairs: number, warmup?: number, signal: AbortSignal, floor: (index: number) => Promise<T>, ours: (index: number) => Promise<T> }} options
 * @returns {Promise<{ floor: T[], ours: T[] }>} sample i of both was taken one right after the other, in turn the one or the other first
 */
export async function alternate({ pairs, warmup = 1, signal, floor, ours }) {
  const taken = { floor: [], ours: [] };
  for (let index = 0; index < warmup + pairs; index++) {
    for (const which of index % 2 === 0 ? ['floor', 'ours'] : ['ours', 'floor']) {
      signal.throwIfAborted();
      const sample = await { floor, ours }[which](index);
      if (index >= warmup) taken[which].push(sample);
    }
  }
  return taken;
}

/** One number of each sample. @template T @param {{ floor: T[], ours: T[] }} taken @param {(sample: T) => number} pick */
export const picked = ({ floor, ours }, pick) => ({ floor: floor.map(pick), ours: ours.map(pick) });
