import { DockerIgnore } from './dockerignore.js';

const excluded = (file: string, path: string): boolean => new DockerIgnore(file).excludes(path);

/** Cases of Docker's documentation and of moby/patternmatcher's own tests: pattern, path, excluded. */
const CASES: [string, string, boolean][] = [
  ['*/temp*', 'somedir/temporary.txt', true],
  ['*/temp*', 'somedir/temp', true],
  ['*/temp*', 'temp', false],
  ['*/temp*', 'a/b/temp', false],
  ['*/*/temp*', 'somedir/subdir/temporary.txt', true],
  ['temp?', 'tempa', true],
  ['temp?', 'temp', false],
  ['temp?a', 'temp/a', false],
  ['**', 'file', true],
  ['**', 'dir/file', true],
  ['**/', 'file', true],
  ['**/', 'dir/file', true],
  ['**/**', 'dir/file', true],
  ['dir/**', 'dir/file', true],
  ['dir/**', 'dir/dir2/file', true],
  ['dir/**', 'dir', false],
  ['dir/**', 'dirx/file', false],
  ['**/dir2/*', 'dir/dir2/file', true],
  ['**/dir2/*', 'dir2/file', true],
  ['**/dir2/*', 'dir/dir2/dir2/file', true],
  ['**/dir2/*', 'dir2', false],
  ['**file', 'file', true],
  ['**file', 'dir/file', true],
  ['**file', 'dir/dirfile', true],
  ['**/file', 'dir/dirfile', false],
  ['**/file', 'dir/dir/file', true],
  ['**/*.go', 'a.go', true],
  ['**/*.go', 'a/b/c.go', true],
  ['**/*.go', 'a/b/c.gox', false],
  ['**/file*', 'dir/file.txt', true],
  ['**/file*txt', 'dir/dir/file.txt', true],
  ['**/file*.txt*', 'dir/dir/file.txt.b', true],
  ['**/**/*.txt', 'dir/dir/file.txt', true],
  ['a**/*.txt', 'a/file.txt', true],
  ['a**/*.txt', 'a/dir/file.txt', true],
  ['a/*.txt', 'a/dir/file.txt', false],
  ['a/**/*.txt', 'a/file.txt', true],
  ['a[b-d]e', 'ace', true],
  ['a[b-d]e', 'aae', false],
  ['a[^b-d]e', 'aze', true],
  ['a[^b-d]e', 'ace', false],
  ['abc.def', 'abcdef', false],
  ['abc.def', 'abcZdef', false],
  ['abc?def', 'abcZdef', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['a(b+c)|d$', 'a(b+c)|d$', true],
  ['node_modules', 'node_modules/x/y.js', true],
  ['node_modules', 'app/node_modules/x', false],
  ['/foo', 'foo', true],
  ['./foo', 'foo', true],
  ['foo/', 'foo/bar', true],
  ['foo/../bar', 'bar', true],
  ['  foo  ', 'foo', true],
  ['# foo', '# foo', false],
  ['\uFEFFfoo', 'foo', true],
  ['.', 'foo', false],
  ['*.md\n!README.md', 'README.md', false],
  ['*.md\n!README.md', 'notes.md', true],
  ['!README.md\n*.md', 'README.md', true],
  ['*.md\n!README*.md\nREADME-secret.md', 'README-secret.md', true],
  ['docs\n!docs/README.md', 'docs/README.md', false],
  ['docs\n!docs/README.md', 'docs/other.md', true],
  ['*\n!src', 'src/a/b.ts', false],
  ['*\n!src', 'test/a.ts', true],
  ['\n\n', 'a', false],
  ['🐳?', '🐳🐋', true],
];

describe('.dockerignore', () => {
  it.each(CASES)('%j on %s: %s', (file, path, expected) => {
    expect(excluded(file, path)).toBe(expected);
  });

  it('keeps what must be sent', () => {
    expect(new DockerIgnore('*', ['Dockerfile']).excludes('Dockerfile')).toBe(false);
    expect(new DockerIgnore('*', ['Dockerfile']).excludes('other')).toBe(true);
  });

  it('does not hang on a hostile pattern', () => {
    const started = process.cpuUsage();
    expect(excluded(`${'**/a*'.repeat(200)}b`, `${'a/'.repeat(400)}c`)).toBe(false);
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(1000);
  });
});
