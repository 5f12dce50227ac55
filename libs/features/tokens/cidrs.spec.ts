import { covers, isWithin } from './cidrs.js';

it.each<[string[], string | undefined, boolean]>([
  [[], '203.0.113.9', true],
  [[], undefined, true],
  [['192.0.2.0/24'], '192.0.2.255', true],
  [['192.0.2.0/24'], '192.0.3.0', false],
  [['192.0.2.77/24'], '192.0.2.1', true],
  [['192.0.2.7'], '192.0.2.7', true],
  [['192.0.2.7'], '192.0.2.8', false],
  [['192.0.2.0/24'], '::ffff:192.0.2.1', true],
  [['::ffff:192.0.2.0/120'], '192.0.2.1', true],
  [['2001:db8::/32'], '2001:db8:1::5', true],
  [['2001:db8::/32'], '2001:db9::5', false],
  [['2001:db8::/32', '10.0.0.0/8'], '10.1.2.3', true],
  [['0.0.0.0/0'], '2001:db8::1', false],
  [['0.0.0.0/0'], 'unknown', false],
  [['0.0.0.0/0'], undefined, false],
])('%j and %s: %s', (cidrs, address, expected) => {
  expect(isWithin(cidrs, address)).toBe(expected);
});

it.each<[string[], string[], boolean]>([
  [[], [], true],
  [[], ['10.0.0.0/8'], true],
  [['10.0.0.0/8'], [], false],
  [['10.0.0.0/8'], ['10.1.0.0/16', '10.2.3.4'], true],
  [['10.1.0.0/16'], ['10.0.0.0/8'], false],
  [['10.0.0.0/8'], ['10.1.0.0/16', '192.0.2.1'], false],
  [['10.0.0.0/8'], ['2001:db8::/32'], false],
])('%j covers %j: %s', (outer, inner, expected) => {
  expect(covers(outer, inner)).toBe(expected);
});
