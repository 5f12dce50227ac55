import { isWatched, skipWord, tagFits } from './filters.js';

it.each([
  ['Fix it [skip ci]', '[skip ci]'],
  ['[CI SKIP] docs', '[CI SKIP]'],
  ['docs\n\nlong text [no ci] in the body', '[no ci]'],
  ['x [skip actions]', '[skip actions]'],
  ['x [skip cd]', '[skip cd]'],
  ['x [cd skip]', '[cd skip]'],
  ['x [skip deploy]', '[skip deploy]'],
  ['x [deploy skip]', '[deploy skip]'],
  ['x [skip render]', '[skip render]'],
  ['x [skip railway]', '[skip railway]'],
  ['subject\n\nbody\n\nskip-checks: true\nSigned-off-by: A <a@b.c>', 'skip-checks: true'],
  ['subject\r\n\r\nskip-checks:true\r\n', 'skip-checks:true'],
])('%j asks for no deployment', (message, word) => expect(skipWord(message)).toBe(word));

it.each([
  'Skip the ci',
  'skip ci',
  '[skip] ci',
  'about skip-checks: true in text\n\nbody',
  'skip-checks: false',
  '',
])('%j is deployed', (message) => expect(skipWord(message)).toBeNull());

it.each([
  ['v*', 'v1.2.3', true],
  ['v*', 'v1/rc', true],
  ['v*', 'nightly', false],
  ['v?.?', 'v1.2', true],
  ['v?.?', 'v1.22', false],
  ['release-*-prod', 'release-7-prod', true],
  ['release-*-prod', 'release-7-test', false],
  ['*', '', true],
  ['v1.0', 'v1x0', false],
])('tag pattern %s and %s: %s', (pattern, tag, wanted) => expect(tagFits(pattern, tag)).toBe(wanted));

it.each([
  [[], ['anything'], true],
  [['apps/web'], ['apps/web/src/a.ts'], true],
  [['apps/web/'], ['apps/web/src/a.ts'], true],
  [['/apps/web/**'], ['apps/web/a.ts'], true],
  [['apps/web'], ['apps/website/a.ts'], false],
  [['apps/*/package.json'], ['apps/web/package.json'], true],
  [['apps/*/package.json'], ['apps/web/x/package.json'], false],
  [['**/*.ts'], ['a.ts'], true],
  [['**/*.ts'], ['a/b/c.ts'], true],
  [['src/**/test/*.js'], ['src/a/b/test/x.js'], true],
  [['src/**/test/*.js'], ['src/test/x.js'], true],
  [['*.md'], ['docs/a.md'], false],
  [['**', '!docs'], ['docs/a.md'], false],
  [['**', '!docs'], ['docs/a.md', 'src/a.ts'], true],
  [['!**/*.md'], ['README.md', 'docs/x.md'], false],
  [['!**/*.md'], ['README.md', 'main.js'], true],
  [['**', '!docs', 'docs/live'], ['docs/live/a'], true],
  [['a[b].(c)'], ['a[b].(c)'], true],
  [['src'], [], false],
])('watching %j, changed %j: %s', (patterns, paths, wanted) => expect(isWatched(patterns, paths)).toBe(wanted));

it('is not slowed down by a pattern made for it', () => {
  const steps = { pattern: `${'*a'.repeat(40)}b`, text: 'a'.repeat(250) };
  expect(tagFits(steps.pattern, steps.text)).toBe(false);
  expect(isWatched([`${'**/'.repeat(60)}x`], ['a/'.repeat(60)])).toBe(false);
});
