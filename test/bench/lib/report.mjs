// Writes the last table into docs/benchmarks.md, between its markers.
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { SetupError } from '../../../deploy/setup/lib/log.mjs';
import { ROOT } from '../../../deploy/setup/lib/packages.mjs';
import { markdownTable } from './table.mjs';

const FILE = path.join(ROOT, 'docs/benchmarks.md');
const BEGIN = '<!-- table: written by `npm run bench -- --write` -->';
const END = '<!-- end of table -->';

const machine = () =>
  `${os.cpus().length} CPUs (${os.cpus()[0]?.model.trim()}), ${Math.round(os.totalmem() / 2 ** 30)} GB, Linux ${os.release()}, Node ${process.versions.node}`;

/** Pure. @param {string} text the page @param {string} table what to put in */
export function replaceTable(text, table) {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin === -1 || end < begin) throw new SetupError(`docs/benchmarks.md has lost its markers: ${BEGIN} ... ${END}`);
  return `${text.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${text.slice(end)}`;
}

/** @param {import('./table.mjs').Result[]} results */
export function writeReport(results) {
  const head = `Measured ${new Date().toISOString().slice(0, 10)} on ${machine()}.`;
  writeFileSync(FILE, replaceTable(readFileSync(FILE, 'utf8'), `${head}\n\n${markdownTable(results)}`));
}
