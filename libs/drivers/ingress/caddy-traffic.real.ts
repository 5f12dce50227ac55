/** What users of a service notice: routing, replicas, switches under load, streams. Real Caddy, real upstream servers. */
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { CaddyIngress } from './caddy/caddy-ingress.js';
import { CaddyProcess } from './testing/caddy-process.js';
import { type Answer, Duplex, type RequestOptions, send, Upstream, until } from './testing/traffic.js';

const HOST = 'a.apps.localhost';
let caddy: CaddyProcess;
let ingress: CaddyIngress;
let one: Upstream;
let two: Upstream;
let third: Upstream;

beforeEach(async () => {
  caddy = await CaddyProcess.start();
  ingress = new CaddyIngress({ admin: caddy.admin });
  [one, two, third] = await Promise.all([Upstream.start('one'), Upstream.start('two'), Upstream.start('third')]);
});
afterEach(async () => {
  await Promise.all([one.stop(), two.stop(), third.stop()]);
  await caddy.stop();
});

const ask = (options: Partial<RequestOptions> = {}): Promise<Answer> => send(caddy, { host: HOST, ...options });
const ensure = (upstreams: Upstream[], id = 'a', hosts = [HOST]) =>
  ingress.ensure({ id, hosts, upstreams: upstreams.map(({ address }) => address) });

/** By each of them and by nobody else. Replicas are drawn by lot: no number of requests is sure to meet all. */
async function answeredBy(upstreams: Upstream[]): Promise<void> {
  const expected = new Set(upstreams.map(({ name }) => `${name} 0`));
  const seen = new Set<string>();
  await until(async () => seen.add((await ask()).body).size >= expected.size);
  expect(seen).toEqual(expected);
}

test('unknown host 404 and no release 503, as JSON or as a page', async () => {
  const unknown = await ask();
  expect([unknown.status, JSON.parse(unknown.body)]).toMatchObject([404, { code: 'no_such_app' }]);
  const page = await ask({ headers: { Accept: 'text/html,*/*' } });
  expect(page.headers['content-type']).toContain('text/html');
  expect(page.body).toContain('no such app');
  await ensure([]);
  const stopped = await ask();
  expect([stopped.status, stopped.headers['retry-after'], JSON.parse(stopped.body)]).toMatchObject([
    503,
    '5',
    { code: 'no_running_release' },
  ]);
  await ensure([one]);
  expect((await ask()).body).toBe('one 0');
  await ensure([]);
  expect((await ask()).status).toBe(503);
  await ingress.ensureAbsent('a');
  expect((await ask()).status).toBe(404);
});

test('hosts: several, wildcards, and an exact name before a wildcard', async () => {
  await ensure([one], 'wild', ['*.apps.localhost']);
  await ensure([two], 'a', [HOST, 'www.example.com']);
  expect((await ask({ host: 'other.apps.localhost' })).body).toBe('one 0');
  expect((await ask()).body).toBe('two 0');
  expect((await ask({ host: 'www.example.com:8000' })).body).toBe('two 0');
  for (const host of [
    'x.www.example.com',
    'x.y.apps.localhost',
    'apps.localhost',
    'localhost',
    '..',
    '*',
    'a',
    '[::1]',
    '*.apps.localhost',
  ])
    expect([host, (await ask({ host })).status]).toEqual([host, 404]);
  await ensure([two], 'a', ['www.example.com']);
  expect((await ask()).body).toBe('one 0');
});

test('https with HTTP/2 and a wildcard certificate of the own CA', async () => {
  await ensure([one]);
  const ca = await caddy.rootCertificate();
  const client = http2.connect(`https://127.0.0.1:${caddy.httpsPort}`, { ca, servername: HOST });
  const stream = client.request({ ':path': '/headers', ':authority': HOST });
  let body = '';
  for await (const chunk of stream.setEncoding('utf8')) body += chunk;
  client.close();
  expect(JSON.parse(body)).toMatchObject({ 'x-forwarded-proto': 'https', 'x-forwarded-for': '127.0.0.1' });
  const status = await new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: caddy.httpsPort,
      servername: 'unknown.apps.localhost',
      ca,
      headers: { Host: 'unknown.apps.localhost' },
    };
    https.get({ ...options, agent: false }, (response) => resolve(response.resume().statusCode)).on('error', reject);
  });
  expect(status).toBe(404);
});

test('forwarding headers are those of Caddy, not those of the client', async () => {
  await ensure([one]);
  const forged = { 'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'evil.example.com' };
  const seen = JSON.parse((await ask({ path: '/headers', headers: forged })).body) as Record<string, string>;
  expect(seen).toMatchObject({
    host: HOST,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': HOST,
  });
});

test('spreads over replicas, and what a dead one did not get goes to another', async () => {
  await ensure([one, two, third]);
  await answeredBy([one, two, third]);
  await third.stop();
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, index) => ask({ method: index % 2 ? 'GET' : 'DELETE' })),
  );
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
});

test('a request that reached an app is not repeated, and does not take the replica out', async () => {
  await ensure([one, two]);
  expect((await ask({ path: '/drop' })).status).toBe(502);
  expect(one.dropped + two.dropped).toBe(1);
  expect((await Promise.all([ask(), ask(), ask()])).map(({ status }) => status)).toEqual([200, 200, 200]);
});

test('a replica that comes back within 5 s: the request waits for it', async () => {
  await ensure([one]);
  const address = one.address;
  await one.stop();
  const answer = ask();
  const late = http.createServer((_request, response) => response.end('back'));
  late.listen(Number(address.split(':')[1]), '127.0.0.1');
  expect((await answer).body).toBe('back');
  late.closeAllConnections();
  await new Promise((resolve) => late.close(resolve));
});

test('a large body passes, an event arrives at once', async () => {
  await ensure([one]);
  expect((await ask({ method: 'POST', body: Buffer.alloc(20_000_000) })).body).toBe('one 20000000');
  let text = '';
  const events = ask({ path: '/events', onData: (chunk) => (text += chunk) });
  await until(() => text.includes('first'));
  one.release();
  expect((await events).body).toBe('data: first\n\none');
});

test('a switch: the next request is answered by the new release, the old one ends in peace and is counted until then', async () => {
  await ensure([one]);
  const held = ask({ path: '/hold' });
  let events = '';
  const stream = ask({ path: '/events', onData: (chunk) => (events += chunk) });
  const socket = await Duplex.open(caddy, HOST);
  await until(() => one.holding === 2 && events !== '');
  await ensure([two]);
  expect((await ask()).body).toBe('two 0');
  expect(await socket.echoes('still here')).toBe(true);
  expect(await ingress.inFlight([one.address, two.address])).toEqual({ [one.address]: 3, [two.address]: 0 });
  one.release();
  expect([(await held).body, (await stream).body]).toEqual(['one', 'data: first\n\none']);
  await until(async () => (await ingress.inFlight([one.address]))[one.address] === 1);
  socket.close();
  await until(async () => (await ingress.inFlight([one.address]))[one.address] === 0);
});

test('a client that leaves is no longer in flight', async () => {
  await ensure([one]);
  const request = http.get({
    host: '127.0.0.1',
    port: caddy.httpPort,
    path: '/events',
    headers: { Host: HOST },
    agent: false,
  });
  request.on('error', () => undefined);
  await until(async () => (await ingress.inFlight([one.address]))[one.address] === 1);
  request.destroy();
  await until(async () => (await ingress.inFlight([one.address]))[one.address] === 0);
});

test('routes that come and go leave requests, streams and WebSockets of other services alone', async () => {
  await ensure([one]);
  const held = ask({ path: '/hold' });
  const events = ask({ path: '/events' });
  const socket = await Duplex.open(caddy, HOST);
  await until(() => one.holding === 2);
  await ensure([two], 'b', ['b.apps.localhost']);
  expect((await ask({ host: 'b.apps.localhost' })).body).toBe('two 0');
  await ingress.ensureAbsent('b');
  expect(await socket.echoes('still here')).toBe(true);
  socket.close();
  one.release();
  expect([(await held).body, (await events).body]).toEqual(['one', 'data: first\n\none']);
});

test('11 and more replicas, and back to fewer', async () => {
  const many = [...Array<Upstream>(11).fill(one), two];
  for (const upstreams of [[third], many, [two], many, [one]]) {
    await ensure(upstreams);
    await answeredBy(upstreams);
  }
});

test('SIGTERM with an open stream: Caddy is gone within its 5 s of grace', async () => {
  await ensure([one]);
  const events = ask({ path: '/events' }).catch(() => null);
  await until(() => one.holding === 1);
  const start = Date.now();
  await caddy.terminate();
  expect(Date.now() - start).toBeLessThan(20_000);
  expect(await events).toBe(null);
});

/** Starts one request every 5 ms whatever happens to the others, and switches in between. */
async function switchUnderLoad(
  request: () => Promise<unknown>,
  switches: number,
): Promise<{ ok: number; failures: string[] }> {
  const failures: string[] = [];
  const requests: Promise<void>[] = [];
  let ok = 0;
  const fire = () =>
    requests.push(
      request().then(
        () => void ok++,
        (error: Error) => void failures.push(error.message),
      ),
    );
  const timer = setInterval(fire, 5);
  for (let index = 0; index < switches; index++) {
    const target = index % 2 ? one : two;
    const enough = requests.length + 8;
    await ensure([target]);
    expect((await ask()).body).toBe(`${target.name} 0`);
    await until(() => requests.length >= enough);
  }
  clearInterval(timer);
  await Promise.all(requests);
  return { ok, failures };
}

const require200 = ({ status }: { status: unknown }) => {
  if (status !== 200) throw new Error(`status ${String(status)}`);
};

describe('200 requests per second through 50 switches: none fails, no WebSocket of any service closes', () => {
  let own: Duplex;
  let other: Duplex;

  beforeEach(async () => {
    await ensure([one]);
    await ensure([third], 'b', ['b.apps.localhost']);
    [own, other] = await Promise.all([Duplex.open(caddy, HOST), Duplex.open(caddy, 'b.apps.localhost')]);
  });
  afterEach(async () => {
    expect([await own.echoes('own'), await other.echoes('other')]).toEqual([true, true]);
    own.close();
    other.close();
  });

  test('kept connections', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
    const { ok, failures } = await switchUnderLoad(() => ask({ agent }).then(require200), 50);
    agent.destroy();
    expect(failures).toEqual([]);
    expect(ok).toBeGreaterThan(300);
  });

  test('a new connection each', async () => {
    const { ok, failures } = await switchUnderLoad(() => ask().then(require200), 50);
    expect(failures).toEqual([]);
    expect(ok).toBeGreaterThan(300);
  });

  test('one HTTP/2 connection', async () => {
    const client = http2.connect(`https://127.0.0.1:${caddy.httpsPort}`, {
      ca: await caddy.rootCertificate(),
      servername: HOST,
    });
    const request = () =>
      new Promise<void>((resolve, reject) => {
        const stream = client.request({ ':path': '/', ':authority': HOST });
        let status: unknown;
        stream.on('response', (headers) => {
          status = headers[':status'];
        });
        stream.on('error', reject).resume();
        stream.on('end', () => (status === 200 ? resolve() : reject(new Error(`status ${String(status)}`))));
      });
    const { ok, failures } = await switchUnderLoad(request, 50);
    client.close();
    expect(failures).toEqual([]);
    expect(ok).toBeGreaterThan(300);
  });
});
