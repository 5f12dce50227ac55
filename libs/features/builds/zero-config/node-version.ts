/** The major version of Node for a range as package.json's `engines.node` and .nvmrc have it (github.com/npm/node-semver#ranges). Pure. */

/** Taken when nothing is said. */
export const DEFAULT_NODE = 20;
/** Others that official images exist for, in the order in which they are preferred: the newest long-term one first. */
const OTHERS = [24, 22, 25, 23, 21, 18, 16, 14];
/** Names of long-term lines: nodejs.org/en/about/previous-releases */
const LINES: Record<string, number> = { krypton: 24, jod: 22, iron: 20, hydrogen: 18, gallium: 16, fermium: 14 };

/** Lowest and highest major that fit. */
type Span = [number, number];
const ANY: Span = [0, Number.POSITIVE_INFINITY];

/** The default when it fits, else the newest that does; null when none does. */
export function nodeMajor(range: string): number | null {
  const spans = range.split('||').map(spanOf);
  const fits = (major: number) => spans.some(([low, high]) => major >= low && major <= high);
  return [DEFAULT_NODE, ...OTHERS].find(fits) ?? null;
}

function spanOf(text: string): Span {
  const hyphen = /^\s*v?(\d+)\S*\s+-\s+v?(\d+)\S*\s*$/.exec(text);
  if (hyphen) return [Number(hyphen[1]), Number(hyphen[2])];
  const parts = text
    .replace(/([<>=~^]+)\s+/g, '$1')
    .trim()
    .split(/[\s,]+/);
  return parts.map(comparator).reduce(([a, b], [c, d]) => [Math.max(a, c), Math.min(b, d)], ANY);
}

function comparator(part: string): Span {
  const line = LINES[part.toLowerCase().replace(/^lts\//, '')];
  if (line) return [line, line];
  const [, operator = '', major, rest = ''] = /^([<>=~^]*)v?(\d+)(.*)$/.exec(part) ?? [];
  if (major === undefined) return ANY;
  const n = Number(major);
  const exact = /^(\.0)*$/.test(rest) || /^(\.[x*])+$/i.test(rest);
  if (operator === '>=') return [n, ANY[1]];
  if (operator === '>') return [/\d/.test(rest) ? n : n + 1, ANY[1]];
  if (operator === '<') return [0, exact ? n - 1 : n];
  if (operator === '<=') return [0, n];
  return [n, n];
}
