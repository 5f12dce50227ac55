import { EgressGuard } from '#platform/egress.js';
import { apiAddress, fullNameOf } from './address.js';
import { EtagCache } from './etag-cache.js';
import { HttpGitProviders } from './git-providers.js';
import { linkOf } from './paging.js';
import { PROVIDER_KINDS } from './port.js';
import { waitOf } from './rate-limit.js';

describe('addresses', () => {
  it('knows where each API is', () => {
    const at = (kind: (typeof PROVIDER_KINDS)[number], baseUrl: string | null = null) => apiAddress({ kind, baseUrl });
    expect(PROVIDER_KINDS.map((kind) => at(kind))).toEqual([
      'https://api.github.com',
      'https://gitlab.com/api/v4',
      'https://api.bitbucket.org/2.0',
      'https://codeberg.org/api/v1',
    ]);
    expect(at('github', 'https://ghe.example.com')).toBe('https://ghe.example.com/api/v3');
    expect(at('gitlab', 'https://example.com/gitlab')).toBe('https://example.com/gitlab/api/v4');
  });

  it.each([
    ['https://github.com/o/r.git', 'o/r'],
    ['https://github.com/o/r', 'o/r'],
    ['https://github.com/o/r/', 'o/r'],
    ['https://github.com/o/r/tree/main', null],
    ['https://github.com/o', null],
    ['https://github.com/o/..', null],
    ['http://github.com/o/r', null],
    ['https://github.com:444/o/r', null],
    ['https://github.com.evil.example/o/r', null],
    ['https://evil.example/github.com/o/r', null],
    ['nonsense', null],
  ])('%s is %s', (url, expected) => {
    expect(fullNameOf({ kind: 'github', baseUrl: null }, url)).toBe(expected);
  });

  it('a provider below a path has only what is below it', () => {
    const account = { kind: 'gitlab' as const, baseUrl: 'https://example.com/gitlab' };
    expect(fullNameOf(account, 'https://example.com/gitlab/a/b/c.git')).toBe('a/b/c');
    expect(fullNameOf(account, 'https://example.com/gitlab-other/a/b.git')).toBeNull();
  });
});

describe('rate limits', () => {
  const now = 1_000_000_000_000;
  const reset = String(now / 1000 + 42);
  it.each([
    [200, { 'x-ratelimit-remaining': '0' }, null],
    [403, {}, null],
    [403, { 'x-ratelimit-remaining': '7', 'x-ratelimit-reset': reset }, null],
    [403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset }, 42],
    [403, { 'retry-after': '5' }, 5],
    [429, { 'retry-after': '5', 'ratelimit-reset': reset }, 5],
    [429, { 'ratelimit-reset': reset }, 42],
    [429, { 'retry-after': new Date(now + 9000).toUTCString() }, 9],
    [429, { 'retry-after': 'soon' }, 60],
    [429, {}, 60],
    [429, { 'x-ratelimit-reset': '1' }, 1],
  ])('%d %j: %s s', (status, headers, seconds) => {
    expect(waitOf(status, headers, now)).toBe(seconds);
  });
});

it('reads Link headers', () => {
  const header = '<https://a.example/x?page=2&q=a,b>; rel="next", <https://a.example/x?page=9>; rel="last"';
  expect(linkOf(header, 'next')).toBe('https://a.example/x?page=2&q=a,b');
  expect(linkOf(header, 'last')).toBe('https://a.example/x?page=9');
  expect(linkOf(header, 'prev')).toBeNull();
  expect(linkOf(undefined, 'next')).toBeNull();
});

it('the cache forgets the oldest when it is full', () => {
  const cache = new EtagCache(100);
  const put = (key: string, size: number) =>
    cache.put(key, { etag: key, answer: { headers: {}, body: 'x'.repeat(size) } });
  for (const key of ['a', 'b', 'c', 'd']) put(key, 25);
  cache.get('a');
  put('e', 25);
  expect(['a', 'b', 'c', 'd', 'e'].filter((key) => cache.get(key))).toEqual(['a', 'c', 'd', 'e']);
  put('huge', 26);
  expect(cache.get('huge')).toBeUndefined();
  put('a', 1);
  put('f', 24);
  expect(['a', 'c', 'd', 'e', 'f'].filter((key) => cache.get(key))).toHaveLength(5);
});

it('git logs in as each provider wants it', () => {
  const providers = new HttpGitProviders(new EgressGuard({ allow: [], deny: [] }));
  const names = PROVIDER_KINDS.map(
    (kind) => providers.open({ kind, baseUrl: null, token: 't', username: null }).credentials,
  );
  expect(names.map(({ username }) => username)).toEqual(['x-access-token', 'oauth2', 'x-token-auth', 'oauth2']);
  const ofUser = providers.open({ kind: 'bitbucket', baseUrl: null, token: 't', username: 'me@example.com' });
  expect(ofUser.credentials).toEqual({ username: 'x-bitbucket-api-token-auth', password: 't' });
});
