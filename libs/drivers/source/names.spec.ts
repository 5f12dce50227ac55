import { isBranchName, requireCommit, requireRepositoryName, requireTreePath } from './names.js';

describe('names', () => {
  it.each(['main', 'feature/a-b_c', 'v1.2', 'ünïcode', 'a@b', 'UPPER', '#1', 'a{b'])('takes the branch %j', (name) => {
    expect(isBranchName(name)).toBe(true);
  });

  it.each([
    '',
    '@',
    'HEAD',
    '-a',
    'a..b',
    'a b',
    'a~b',
    'a^b',
    'a:b',
    'a?b',
    'a*b',
    'a[b',
    'a\\b',
    'a@{b',
    '/a',
    'a/',
    'a//b',
    'a.',
    '.a',
    'a/.b',
    'a.lock',
    'a.lock/b',
    'a\tb',
    'a\u007fb',
    'a'.repeat(256),
  ])('refuses the branch %j', (name) => {
    expect(isBranchName(name)).toBe(false);
  });

  it('takes full and short commits, lower-cased, and nothing else', () => {
    expect(requireCommit('ABCDEF0')).toBe('abcdef0');
    for (const bad of ['abcdef', 'a'.repeat(41), 'abcdefg', '', 'HEAD~1'])
      expect(() => requireCommit(bad)).toThrow(/hexadecimal/);
  });

  it('takes service ids as repository names', () => {
    expect(requireRepositoryName('0b0e2e4c-8f5c-4f6e-9b3e-0123456789ab')).toHaveLength(36);
    for (const bad of ['../../../../../../etc/passwd/aaaaaaaa', 'x', ''])
      expect(() => requireRepositoryName(bad)).toThrow();
  });

  it.each([
    ['', []],
    ['.', []],
    ['./', []],
    ['a', ['a']],
    ['a/b/', ['a', 'b']],
    ['./a', ['a']],
    ['..a', ['..a']],
  ])('reads the folder %j as %j', (path, segments) => {
    expect(requireTreePath(path)).toEqual(segments);
  });

  it.each(['/', '/a', '..', 'a/..', 'a//b', './/a', 'a/./b', 'a\nb', 'a/b//'])('refuses the folder %j', (path) => {
    expect(() => requireTreePath(path)).toThrow(expect.objectContaining({ code: 'root_directory_not_found' }));
  });
});
