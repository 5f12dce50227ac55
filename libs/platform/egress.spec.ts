import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EgressGuard } from './egress.js';
import { guardedRedirects } from './egress-redirects.js';

const guard = (allow: string[] = [], deny: string[] = [], names: Record<string, string[]> = {}) =>
  new EgressGuard({
    allow,
    deny,
    resolve: async (host) => {
      const found = names[host];
      if (!found) throw Object.assign(new Error('no such host'), { code: 'ENOTFOUND' });
      return found;
    },
  });

const refused = { code: 'url_refused', status: 400 };

describe('EgressGuard', () => {
  it.each([
    'ftp://example.com/',
    'file:///etc/passwd',
    'ssh://git@example.com/',
    'ext::sh',
    'not a url',
    'git@github.com:a/b.git',
  ])('refuses %s: http and https only', async (url) => {
    await expect(guard().check(url)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('https://'),
    });
  });

  it('refuses credentials in the URL and says what to do instead', async () => {
    await expect(guard().check('https://user:pw@1.1.1.1/')).rejects.toMatchObject({
      ...refused,
      message: expect.stringMatching(/git provider|token/),
    });
  });

  it.each([
    'http://127.0.0.1/',
    'http://127.255.0.9:8080/',
    'http://0.0.0.0/',
    'http://169.254.169.254/latest/meta-data/',
    'http://224.0.0.1/',
    'http://255.255.255.255/',
    'http://240.0.0.1/',
    'http://192.0.2.1/',
    'http://[::1]/',
    'http://[::]/',
    'http://[fe80::1]/',
    'http://[ff02::1]/',
    'http://[2001:db8::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:169.254.169.254]/',
    'http://[::ffff:0:127.0.0.1]/',
    'http://[64:ff9b::127.0.0.1]/',
    'http://[2002:7f00:1::]/',
    'http://[2002:a9fe:a9fe::1]/',
    'http://[::127.0.0.1]/',
    'http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/',
    // Other spellings of 127.0.0.1 and 169.254.169.254.
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://0x7f.1/',
    'http://2852039166/',
    'http://0/',
    'http://①②⑦.0.0.1/',
    'http://127.0.0.1./',
  ])('refuses %s and names the setting', async (url) => {
    await expect(guard().check(url)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('CONTAINR_EGRESS_ALLOW'),
    });
  });

  it.each([
    'http://10.1.2.3/',
    'http://172.16.0.1/',
    'http://192.168.1.1/',
    'http://100.64.0.1/',
    'http://[fd00::1]/',
    'http://1.1.1.1/',
  ])('lets %s pass', async (url) => {
    const checked = await guard().check(url);
    expect(checked.addresses).toHaveLength(1);
  });

  it.each([
    ['http://10.1.2.3/', ['10.0.0.0/8']],
    ['http://10.1.2.3/', ['private']],
    ['http://[fd00::1]/', ['private']],
    ['http://[::ffff:10.1.2.3]/', ['10.0.0.0/8']],
    ['http://[64:ff9b::10.1.2.3]/', ['private']],
    ['http://1.1.1.1/', ['1.1.1.1']],
    ['http://git.example/', ['git.example']],
    ['http://GIT.example./', ['git.example']],
    ['http://a.b.example/', ['*.example']],
  ])('refuses %s with deny %j, even when it is allowed too', async (url, deny) => {
    const names = { 'git.example': ['1.1.1.1'], 'a.b.example': ['1.1.1.1'] };
    const both = guard(['10.0.0.0/8', '1.1.1.1', 'git.example', '*.example', 'fd00::/8'], deny, names);
    await expect(both.check(url)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('CONTAINR_EGRESS_DENY'),
    });
  });

  it.each([
    ['http://127.0.0.1:3000/', ['127.0.0.0/8']],
    ['http://127.0.0.1:3000/', ['127.0.0.1']],
    ['http://[::ffff:127.0.0.1]/', ['127.0.0.0/8']],
    ['http://[::1]/', ['[::1]']],
    ['http://localhost/', ['localhost']],
    ['http://meta.example/', ['*.example']],
  ])('lets %s pass with allow %j', async (url, allow) => {
    const names = { localhost: ['127.0.0.1', '::1'], 'meta.example': ['169.254.169.254'] };
    await expect(guard(allow, [], names).check(url)).resolves.toBeDefined();
  });

  it('judges a name by every address it has', async () => {
    const names = { 'rebind.example': ['1.1.1.1', '127.0.0.1'] };
    await expect(guard([], [], names).check('http://rebind.example/')).rejects.toMatchObject(refused);
  });

  it('returns the addresses to dial', async () => {
    const checked = await guard([], [], { 'git.example': ['1.1.1.1', '2606:4700::1111'] }).check(
      'https://git.example/a.git',
    );
    expect(checked.addresses).toEqual(['1.1.1.1', '2606:4700::1111']);
    expect(checked.url.href).toBe('https://git.example/a.git');
  });

  it('tells an unknown host from a name server that does not answer', async () => {
    await expect(guard().check('http://nobody.example/')).rejects.toMatchObject({
      code: 'host_not_found',
      status: 400,
    });
    const broken = new EgressGuard({
      allow: [],
      deny: [],
      resolve: () => Promise.reject(Object.assign(new Error('again'), { code: 'EAI_AGAIN' })),
    });
    await expect(broken.check('http://git.example/')).rejects.toMatchObject({
      code: 'dns_unavailable',
      transient: true,
    });
  });

  it.each(['10.0.0.0/99', 'a b', 'http://x', '300.1.1.1', '-x'])('refuses the rule "%s"', (entry) => {
    expect(() => guard([entry])).toThrow(expect.objectContaining({ code: 'egress_rule_invalid' }));
  });
});

describe('a strict guard', () => {
  it.each([
    'http://10.0.0.1/',
    'http://192.168.1.1/',
    'http://100.64.0.1/',
    'http://[fd00::1]/',
    'http://[::ffff:10.0.0.1]/',
  ])('refuses %s unless it is allowed', async (url) => {
    await expect(guard().check(url)).resolves.toBeDefined();
    await expect(guard().strict().check(url)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('CONTAINR_EGRESS_ALLOW'),
    });
    const lan = ['10.0.0.0/8', '192.168.0.0/16', '100.64.0.0/10', 'fd00::/8'];
    await expect(guard(lan).strict().check(url)).resolves.toBeDefined();
  });

  it('keeps the other rules and the resolver', async () => {
    const names = { 'a.example': ['1.1.1.1'], 'b.example': ['1.1.1.1', '10.0.0.1'] };
    await expect(guard([], [], names).strict().check('http://a.example/')).resolves.toMatchObject({
      addresses: ['1.1.1.1'],
    });
    await expect(guard([], [], names).strict().check('http://b.example/')).rejects.toMatchObject(refused);
    await expect(guard(['10.0.0.0/8'], ['10.0.0.1'], names).strict().check('http://b.example/')).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('DENY'),
    });
  });
});

describe('guardedRedirects', () => {
  let server: Server;
  let port: number;
  const seen: (string | undefined)[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      const left = Number(/^\/hop\/(\d)/.exec(request.url ?? '')?.[1] ?? 0);
      const elsewhere: Record<string, string> = {
        '/meta': 'http://169.254.169.254/',
        '/file': 'file:///etc/passwd',
        '/other': `http://localhost:${port}/end`,
      };
      const location = left > 0 ? `/hop/${left - 1}` : elsewhere[request.url ?? ''];
      response.writeHead(location ? 302 : 200, location ? { location } : {}).end('body');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));
  beforeEach(() => seen.splice(0));

  const local = () => guard(['127.0.0.1', 'localhost'], [], { localhost: ['127.0.0.1'] });
  const at = (path: string) => `http://127.0.0.1:${port}${path}`;

  it('follows 3 redirects and no 4th', async () => {
    await expect(guardedRedirects(local(), at('/hop/3'))).resolves.toMatchObject({ status: 200, sameOrigin: true });
    await expect(guardedRedirects(local(), at('/hop/4'))).rejects.toMatchObject(refused);
  });

  it('checks every hop', async () => {
    await expect(guardedRedirects(local(), at('/meta'))).rejects.toMatchObject(refused);
    await expect(guardedRedirects(local(), at('/file'))).rejects.toMatchObject(refused);
  });

  it('does not take credentials to another origin', async () => {
    const end = await guardedRedirects(local(), at('/other'), { authorization: 'Basic abc' });
    expect(end).toMatchObject({ sameOrigin: false, status: 200 });
    expect(seen).toEqual(['Basic abc', undefined]);
  });

  it('rejects with the reason of the signal, and as Unavailable when nobody listens', async () => {
    const reason = new Error('stop');
    await expect(guardedRedirects(local(), at('/'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(guardedRedirects(local(), 'http://127.0.0.1:1/')).rejects.toMatchObject({
      code: 'host_unreachable',
      transient: true,
    });
  });
});
