// Takes samples of the floor and of ours in turn.

/**
 * One floor and one of ours per pair, alternating which goes first, so that whatever drifts or warms up hits both alike.
 * @param {object} options
 * @param {number} options.pairs
 * @param {number} [options.warmup] pairs that are thrown away first
 * @param {AbortSignal} options.signal
 * @param {(text: string) => void} options.say
 * @param {(index: number) => Promise<number>} options.floor one sample
 * @param {(index: number) => Promise<number>} options.ours one sample
 * @returns {Promise<{ floor: number[], ours: number[] }>}
 */
export async function interleave({ pairs, warmup = 1, signal, say, floor, ours }) {
  const taken = { floor: [], ours: [] };
  for (let index = 0; index < warmup + pairs; index++) {
    const order = index % 2 === 0 ? ['floor', 'ours'] : ['ours', 'floor'];
    const pair = {};
    for (const which of order) {
      signal.throwIfAborted();
      pair[which] = await { floor, ours }[which](index);
    }
    say(`${index < warmup ? 'warm-up' : `pair ${index - warmup + 1} of ${pairs}`}: ${shown(pair)}`);
    if (index < warmup) continue;
    for (const which of order) taken[which].push(pair[which]);
  }
  return taken;
}

const shown = ({ floor, ours }) => `floor ${floor.toFixed(1)}, ours ${ours.toFixed(1)} (${(ours / floor).toFixed(2)}x)`;
