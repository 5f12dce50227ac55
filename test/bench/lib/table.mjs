// The one table that a run prints: plain text on the terminal, Markdown in docs/benchmarks.md. Pure.
import { summary } from './pairs.mjs';

/**
 * @typedef {object} Line one line of a row
 * @property {string} label
 * @property {string} unit of the samples, e.g. ms
 * @property {number[] | null} floor samples of the floor; null when the goal is absolute
 * @property {number[]} ours
 * @property {string} goal
 * @property {boolean} ok
 * @property {import('./pairs.mjs').Summary} [ratio] of the pairs
 * @property {string} [note]
 *
 * @typedef {{ name: string, lines: Line[], skipped?: string, error?: string }} Result of one row
 */

const HEAD = ['row', 'what', 'floor', 'ours', 'ratio', 'goal', ''];

/** Three digits that matter, whatever the size. */
export function short(value) {
  if (!Number.isFinite(value)) return '-';
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 3));
}

/** `median [min-max]` */
const range = ({ median, min, max }) => `${short(median)} [${short(min)}-${short(max)}]`;

const samples = (values, unit) => (values?.length ? `${range(summary(values))} ${unit}`.trim() : '-');

function lineCells(name, line) {
  const ratio = line.ratio ? `${range(line.ratio)}` : '-';
  const label = line.note ? `${line.label} (${line.note})` : line.label;
  const { floor, ours, unit, goal, ok } = line;
  return [name, label, samples(floor, unit), samples(ours, unit), ratio, goal, ok ? 'ok' : 'MISSED'];
}

/** @param {Result} result */
function cells({ name, lines, skipped, error }) {
  const out = lines.map((line) => lineCells(name, line));
  if (skipped) out.push([name, `skipped: ${skipped}`, '-', '-', '-', '-', 'skipped']);
  if (error) out.push([name, error.split('\n')[0], '-', '-', '-', '-', 'FAILED']);
  return out;
}

/** @param {Result[]} results @returns {string} columns padded for a terminal */
export function textTable(results) {
  const rows = [HEAD, ...results.flatMap(cells)];
  const widths = HEAD.map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const text = (row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd();
  return [text(rows[0]), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.slice(1).map(text)].join('\n');
}

/** @param {Result[]} results */
export function markdownTable(results) {
  const escaped = (row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [HEAD, HEAD.map(() => '---'), ...results.flatMap(cells)].map(escaped).join('\n');
}

/** @param {Result[]} results */
export const allMet = (results) => results.every(({ lines, error }) => !error && lines.every(({ ok }) => ok));
