import { hostname } from '#contracts/domains.js';
import { type Finding, judge } from './dns-check.js';

const finding = (found: Finding['found'], expected = ['203.0.113.5', '2001:db8::5']) =>
  judge({ hostname: 'shop.example.com', target: 'web-1.apps.example.net', found, expected, checkedAt: new Date(0) });

it.each([
  [{ cname: ['web-1.apps.example.net'], addresses: [] }, true],
  [{ cname: [], addresses: ['203.0.113.5'] }, true],
  [{ cname: [], addresses: ['2001:db8::5', '203.0.113.5'] }, true],
  [{ cname: ['other.example.net'], addresses: ['203.0.113.5'] }, true],
  [{ cname: [], addresses: ['203.0.113.5', '198.51.100.1'] }, false],
  [{ cname: ['other.example.net'], addresses: [] }, false],
  [{ cname: [], addresses: [] }, false],
])('%j leads here: %p', (found, ok) => {
  expect(finding(found)).toMatchObject({ ok, found });
});

it('says what to do', () => {
  expect(finding({ cname: [], addresses: [] }).message).toMatch(
    /There is no record.*CNAME.*web-1.apps.example.net.*203.0.113.5/,
  );
  expect(finding({ cname: [], addresses: ['198.51.100.1'] }).message).toContain('leads to 198.51.100.1');
  expect(finding(null).message).toContain('did not answer');
  expect(finding({ cname: [], addresses: ['198.51.100.1'] }, []).message).not.toContain('A/AAAA');
});

it.each([
  ['Shop.Example.COM', 'shop.example.com'],
  ['*.example.com', '*.example.com'],
  ['münchen.example', 'xn--mnchen-3ya.example'],
  ['a-1.b.co.uk', 'a-1.b.co.uk'],
])('host name %p is %p', (given, taken) => expect(hostname.parse(given)).toBe(taken));

it.each([
  '',
  'localhost',
  'a..b',
  '.a.b',
  'a.b.',
  '-a.b',
  'a-.b',
  'a_b.example.com',
  '*.*.example.com',
  'a.*.com',
  '*',
  '*.com',
  'http://a.b',
  'a.b:80',
  'a.b/c',
  'u@a.b',
  'a b.com',
  '10.0.0.1',
  '[::1]',
  `${'a'.repeat(64)}.com`,
  `${'a.'.repeat(130)}com`,
  '{env.X}.com',
])('refuses the host name %p', (given) => expect(hostname.safeParse(given).success).toBe(false));
