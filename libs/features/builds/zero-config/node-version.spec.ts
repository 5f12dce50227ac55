import { nodeMajor } from './node-version.js';

it.each([
  ['>=18', 20],
  ['>= 18.0.0 < 23', 20],
  ['20.x', 20],
  ['^20.10.0', 20],
  ['v20.11.1', 20],
  ['lts/*', 20],
  ['*', 20],
  ['22', 22],
  ['>=22', 24],
  ['>20', 24],
  ['18 || 22', 22],
  ['^18.17', 18],
  ['<20', 18],
  ['lts/hydrogen', 18],
  ['16 - 18', 18],
  ['nonsense', 20],
  ['12', null],
])('engines.node %s -> %s', (range, major) => {
  expect(nodeMajor(range)).toBe(major);
});
