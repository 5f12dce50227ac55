import { type ArchivedRow, chosenRows, lanesOf } from './archived-rows.js';

const row = (first: number, last: number, lines: number): ArchivedRow => ({
  deployment: 'd',
  replica: 0,
  at: new Date(last),
  lines,
  firstAt: new Date(first),
  lastAt: new Date(last),
});
const ends = (rows: ArchivedRow[]) => rows.map(({ lastAt }) => lastAt.getTime());

it('chooses rows until they hold enough lines, and those that reach into their time', () => {
  const rows = [row(50, 100, 5), row(80, 90, 1000), row(10, 60, 7), row(1, 40, 9)];
  expect(ends(chosenRows(rows, 5))).toEqual([100, 90, 60]);
  expect(ends(chosenRows(rows, 6))).toEqual([100, 90, 60]);
  expect(ends(chosenRows(rows, 1))).toEqual([100, 90, 60]);
  expect(chosenRows(rows, Number.POSITIVE_INFINITY)).toHaveLength(4);
  expect(chosenRows([], 5)).toEqual([]);
});

it('puts rows that follow each other into one lane, and those that overlap or touch beside each other', () => {
  expect(lanesOf([row(30, 40, 1), row(1, 10, 1), row(11, 20, 1)]).map(ends)).toEqual([[10, 20, 40]]);
  expect(lanesOf([row(5, 12, 1), row(1, 10, 1), row(10, 20, 1)]).map(ends)).toEqual([[10], [12], [20]]);
});
