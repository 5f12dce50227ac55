// The verdict for people.
const SHOWN = 12;

/** @param {import('./verdict.mjs').Row[]} rows @returns {string} */
export function tableOf(rows) {
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows.flatMap((row) => [lineOf(row, width), ...violationsOf(row)]).join('\n');
}

const lineOf = ({ name, seen, violations }, width) =>
  `${violations.length ? 'RED  ' : 'ok   '} ${name.padEnd(width)}  ${seen}`;

function violationsOf({ violations }) {
  const more = violations.length - SHOWN;
  return [...violations.slice(0, SHOWN), ...(more > 0 ? [`... and ${more} more`] : [])].map(
    (text) => `        ${text}`,
  );
}
