// The command line. Pure.
import { SetupError } from '../../../deploy/setup/lib/log.mjs';

const FEWEST_PAIRS = 9;

/**
 * `[NAME...] [--pairs N] [--write]`
 * @param {string[]} args @param {string[]} known names of rows
 * @returns {{ names: string[], pairs: number, write: boolean }} names: all when none is given
 * @throws SetupError for anything else
 */
export function parseOptions(args, known) {
  const options = { names: [], pairs: FEWEST_PAIRS, write: false };
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--write') options.write = true;
    else if (args[i] === '--pairs') options.pairs = pairsOf(args[++i]);
    else if (known.includes(args[i])) options.names.push(args[i]);
    else
      throw new SetupError([
        `There is no row "${args[i]}". Rows: ${known.join(', ')}.`,
        'Options: --pairs N, --write.',
      ]);
  }
  if (options.names.length === 0) options.names = [...known];
  return options;
}

function pairsOf(text) {
  const pairs = Number(text);
  if (Number.isInteger(pairs) && pairs >= FEWEST_PAIRS) return pairs;
  throw new SetupError(`--pairs ${text}: at least ${FEWEST_PAIRS} pairs are needed for a median that means something.`);
}
