import { connect } from 'node:net';
import { type TestApi, type TestUser, testApi } from '../../../test/factories/api.js';

describe('HTTP', () => {
  let api: TestApi;
  let ann: TestUser;
  let origin: string;
  beforeAll(async () => {
    api = await testApi();
    ann = await api.user();
    origin = await api.listen();
  });
  afterAll(() => api?.close());

  const send = (body: string | Uint8Array, type = 'application/json') =>
    fetch(`${origin}/api/v1/projects`, {
      method: 'POST',
      body,
      headers: { 'content-type': type, authorization: `Bearer ${ann.token}` },
    });
  const codeOf = async (answer: Response) => [answer.status, ((await answer.json()) as { code: string }).code];

  it('answers a 10 MB body with 413 and keeps the connection', async () => {
    const big = JSON.stringify({ name: 'x'.repeat(10_000_000) });
    for (let n = 0; n < 3; n += 1) expect(await codeOf(await send(big))).toEqual([413, 'payload_too_large']);
    const fits = await send(JSON.stringify({ name: 'a', unknown: 'x'.repeat(900_000) }));
    expect(fits.status).toBe(201);
  });

  it.each<[string, string | Uint8Array, string | undefined, number, string]>([
    ['broken JSON', '{"name":', undefined, 400, 'invalid_json'],
    ['invalid UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), undefined, 400, 'invalid_json'],
    ['a raw NUL', '{"name":"a\0"}', undefined, 400, 'invalid_json'],
    ['an escaped NUL deep inside', '{"name":"a","x":[{"y":"\\u0000"}]}', undefined, 400, 'invalid_characters'],
    ['a NUL in a key', '{"name":"a","\\u0000":1}', undefined, 400, 'invalid_characters'],
    ['a prototype', '{"name":"a","__proto__":{"x":1}}', undefined, 400, 'invalid_json'],
    ['no body', '', undefined, 400, 'validation_failed'],
    ['a deep body', `${'['.repeat(200_000)}"\\u0041"${']'.repeat(200_000)}`, undefined, 400, 'validation_failed'],
    ['a form', 'name=a', 'application/x-www-form-urlencoded', 415, 'unsupported_media_type'],
    ['text', 'name', 'text/plain', 415, 'unsupported_media_type'],
    ['XML', '<a/>', 'application/xml', 415, 'unsupported_media_type'],
  ])('refuses %s', async (_, body, type, status, code) => {
    expect(await codeOf(await send(body, type))).toEqual([status, code]);
  });

  it('takes JSON under its longer names', async () => {
    expect((await send('{"name":"a"}', 'application/json; charset=utf-8')).status).toBe(201);
    expect((await send('{"name":"a"}', 'application/vnd.api+json')).status).toBe(201);
  });

  it.each([
    ['GET', '/api/v1/nothing', 404, 'route_not_found'],
    ['GET', '/nothing', 404, 'route_not_found'],
    ['PATCH', '/api/v1/projects', 405, 'method_not_allowed'],
    ['POST', '/api/v1/projects/5', 405, 'method_not_allowed'],
    ['GET', '/%zz', 400, 'invalid_url'],
  ])('answers %s %s', async (method, path, status, code) => {
    const answer = await fetch(origin + path, { method, headers: { authorization: `Bearer ${ann.token}` } });
    expect(await codeOf(answer)).toEqual([status, code]);
    if (status === 405) expect(answer.headers.get('allow')).toMatch(/GET/);
  });

  it('answers bytes that are not HTTP', async () => {
    const text = await new Promise<string>((resolve, reject) => {
      let received = '';
      const socket = connect(Number(new URL(origin).port), '127.0.0.1', () => socket.write('nonsense\r\n\r\n'));
      socket.on('data', (data) => (received += data));
      socket.on('close', () => resolve(received));
      socket.on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('"code":"invalid_request"');
  });

  it('gives every answer an id of its own and strict headers', async () => {
    const [one, two] = await Promise.all([fetch(`${origin}/api/v1/health`), fetch(`${origin}/api/v1/nothing`)]);
    expect(one?.headers.get('x-request-id')).toMatch(/^[0-9a-f]{12}-/);
    expect(two?.headers.get('x-request-id')).not.toBe(one?.headers.get('x-request-id'));
    for (const answer of [one, two]) {
      expect(answer?.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer?.headers.get('cache-control')).toBe('no-store');
      expect(answer?.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(answer?.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  it('serves its pages from itself', async () => {
    for (const path of ['/', '/docs']) {
      const page = await (await fetch(origin + path)).text();
      const links = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? '');
      expect(links.length).toBeGreaterThan(2);
      for (const link of links) {
        const url = new URL(link, origin + path);
        expect(url.origin).toBe(origin);
        const linked = await fetch(url);
        await linked.arrayBuffer();
        expect([link, linked.status]).toEqual([link, 200]);
      }
      expect(page).not.toMatch(/<script(?![^>]*src=)/);
    }
    const document = (await (await fetch(`${origin}/openapi.json`)).json()) as { paths: object };
    expect(document.paths).toHaveProperty(['/projects/{id}']);
  });

  it('never logs a token, also when it fails', async () => {
    await fetch(`${origin}/api/v1/projects`, { headers: { authorization: `Bearer ${ann.token}` } });
    await api.database.query('ALTER TABLE projects RENAME TO projects_away');
    const answer = await fetch(`${origin}/api/v1/projects`, { headers: { authorization: `Bearer ${ann.token}` } });
    await api.database.query('ALTER TABLE projects_away RENAME TO projects');
    const body = (await answer.json()) as { code: string; details: { request_id: string } };
    expect([answer.status, body.code]).toEqual([500, 'internal']);
    expect(body.details.request_id).toBe(answer.headers.get('x-request-id'));
    const lines = api.log.filter((line) => line.includes(body.details.request_id));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('projects');
    expect(api.log.join('')).not.toContain(ann.token);
  });
});
