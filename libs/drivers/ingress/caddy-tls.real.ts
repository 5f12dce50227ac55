/** Certificates: what a browser gets for hosts of the base domain, custom hosts, own certificates, and names that nothing serves. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http2 from 'node:http2';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { CaddyIngress } from './caddy/caddy-ingress.js';
import type { OwnCertificate } from './port.js';
import { CaddyProcess } from './testing/caddy-process.js';
import { send, Upstream, until } from './testing/traffic.js';

const HOST = 'shop.example.com';
let caddy: CaddyProcess;
let ingress: CaddyIngress;
let one: Upstream;
let two: Upstream;

beforeEach(async () => {
  caddy = await CaddyProcess.start();
  ingress = new CaddyIngress({ admin: caddy.admin });
  [one, two] = await Promise.all([Upstream.start('one'), Upstream.start('two')]);
});
afterEach(async () => {
  await Promise.all([one.stop(), two.stop()]);
  await caddy.stop();
});

/** Whose certificate a client of this host is shown. @throws when the handshake fails */
function certificateOf(host: string, ca?: string): Promise<tls.PeerCertificate> {
  return new Promise((resolve, reject) => {
    const trust = ca ? { ca } : { rejectUnauthorized: false };
    const socket = tls.connect({ host: '127.0.0.1', port: caddy.httpsPort, servername: host, ...trust }, () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

async function ownCertificate(host: string): Promise<OwnCertificate> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'containr-own-'));
  const [chain, key] = [path.join(dir, 'chain.pem'), path.join(dir, 'key.pem')];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key];
  const subject = ['-subj', '/CN=own', '-addext', `subjectAltName=DNS:${host}`, '-days', '2', '-out', chain];
  await promisify(execFile)('openssl', ['req', '-x509', ...newKey, ...subject]);
  const pem = { chain: await readFile(chain, 'utf8'), key: await readFile(key, 'utf8') };
  await rm(dir, { recursive: true });
  return pem;
}

const ensure = (upstream: Upstream, id: string, hosts: string[], httpsOnly: string[] = []) =>
  ingress.ensure({ id, hosts, upstreams: [upstream.address], httpsOnly });

test('a custom host has a certificate of the own CA at its first handshake, over HTTP/2', async () => {
  await ensure(one, 'a', [HOST]);
  await caddy.waitForRoot();
  const ca = await caddy.rootCertificate();
  const client = http2.connect(`https://127.0.0.1:${caddy.httpsPort}`, { ca, servername: HOST });
  const stream = client.request({ ':path': '/', ':authority': HOST });
  let body = '';
  for await (const chunk of stream.setEncoding('utf8')) body += chunk;
  client.close();
  expect(body).toBe('one 0');
  expect((await certificateOf(HOST, ca)).subjectaltname).toBe(`DNS:${HOST}`);
});

test('a wildcard host has one for each name, and none is made for names that nothing serves', async () => {
  await ensure(one, 'a', ['*.example.com']);
  await caddy.waitForRoot();
  const ca = await caddy.rootCertificate();
  expect((await certificateOf('x.example.com', ca)).subjectaltname).toBe('DNS:x.example.com');
  for (const host of ['example.com', 'x.y.example.com', 'other.net'])
    await expect(certificateOf(host)).rejects.toThrow();
  await ingress.ensureAbsent('a');
  await expect(certificateOf('y.example.com')).rejects.toThrow();
});

test('an own certificate is shown, replaced at once, and its key is given to nobody', async () => {
  await ensure(one, 'a', [HOST]);
  await ensure(two, 'b', ['b.example.com']);
  const first = await ownCertificate(HOST);
  await ingress.ensureCertificate(HOST, first);
  expect((await certificateOf(HOST)).subject.CN).toBe('own');
  const before = (await certificateOf(HOST)).fingerprint256;
  await ingress.ensureCertificate(HOST, await ownCertificate(HOST));
  expect((await certificateOf(HOST)).fingerprint256).not.toBe(before);
  expect((await certificateOf('b.example.com')).subject.CN).toBeUndefined();
  for (const guess of ['/certificate', '/wrong-token/certificate', `/certificates/${HOST}.pem`]) {
    const answer = await send(caddy, { host: HOST, path: `${guess}?server_name=${HOST}` });
    expect(answer.body).not.toContain('PRIVATE KEY');
  }
});

test('an own certificate takes the place of an automatic one when that is due, and gives it back at once', async () => {
  // biome-ignore lint/suspicious/noExplicitAny: Caddy's own JSON
  const { policies } = (caddy.config as any).apps.tls.automation;
  policies[1].issuers[0].lifetime = '30s'; // instead of 12 hours: due 2.5 s after it was made
  await caddy.restart('base');
  await ensure(one, 'a', [HOST]);
  expect((await certificateOf(HOST)).subject.CN).toBeUndefined();
  await ingress.ensureCertificate(HOST, await ownCertificate(HOST));
  await until(async () => (await certificateOf(HOST)).subject.CN === 'own');
  await ingress.ensureCertificate(HOST, null);
  expect((await certificateOf(HOST)).subject.CN).toBeUndefined();
});

test('a broken own certificate breaks one host only', async () => {
  await ensure(one, 'a', [HOST]);
  await ensure(two, 'b', ['b.example.com']);
  await ingress.ensureCertificate(HOST, { chain: 'not a certificate', key: 'not a key' });
  await certificateOf(HOST).catch(() => null); // whatever it is shown
  expect((await certificateOf('b.example.com')).subjectaltname).toBe('DNS:b.example.com');
});

test('plain HTTP is redirected where that is wanted, method, path and query kept', async () => {
  await ensure(one, 'a', [HOST, 'plain.example.com'], [HOST]);
  const answer = await send(caddy, { host: HOST, path: '/a/b?c=d' });
  expect([answer.status, answer.headers.location]).toEqual([308, `https://${HOST}:${caddy.httpsPort}/a/b?c=d`]);
  expect((await send(caddy, { host: 'plain.example.com' })).body).toBe('one 0');
  await ingress.ensureHosts({ id: 'a', hosts: [HOST] });
  expect((await send(caddy, { host: HOST })).body).toBe('one 0');
  expect((await send(caddy, { host: 'plain.example.com' })).status).toBe(404);
});
