import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import dgram from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createRun } from '#workflows/runs.queries.js';
import { type TestApi, type TestUser, testApi } from '../../../test/factories/api.js';
import { type TestWorker, testWorker } from '../../../test/factories/worker.js';
import { DOMAINS, domainsLock } from './domains.workflow.js';

/** A name server that knows what the test says; RFC 1035 as far as one question needs it. */
async function nameServer(records: Map<string, { cname?: string; a?: string }>) {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (query, from) => socket.send(answerTo(query, records), from.port, from.address));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { address: `127.0.0.1:${(socket.address() as AddressInfo).port}`, close: () => socket.close() };
}

function answerTo(query: Buffer, records: Map<string, { cname?: string; a?: string }>): Buffer {
  const labels: string[] = [];
  let end = 12;
  for (let length = query[end] ?? 0; length > 0; length = query[end] ?? 0) {
    labels.push(query.toString('latin1', end + 1, end + 1 + length));
    end += length + 1;
  }
  const type = query.readUInt16BE(end + 1);
  const question = query.subarray(12, end + 5);
  const { cname, a } = records.get(labels.join('.').toLowerCase()) ?? {};
  const data = type === 5 && cname ? encoded(cname) : type === 1 && a ? Buffer.from(a.split('.').map(Number)) : null;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(data ? 1 : 0, 6);
  header.fill(0, 8);
  if (!data) return Buffer.concat([header, question]);
  const fixed = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]);
  return Buffer.concat([header, question, fixed, data]);
}

const encoded = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ]);

describe('domains', () => {
  const records = new Map<string, { cname?: string; a?: string }>();
  let dns: Awaited<ReturnType<typeof nameServer>>;
  let api: TestApi;
  let owner: TestUser;
  let service: { id: string; url: string };
  let target: string;

  beforeAll(async () => {
    dns = await nameServer(records);
    const environment = { CONTAINR_DNS_SERVERS: dns.address, CONTAINR_INGRESS_ADDRESSES: '203.0.113.5' };
    api = await testApi({ environment });
    owner = await api.user();
    service = await newService(owner);
    target = new URL(service.url).hostname;
  });
  afterAll(async () => {
    dns.close();
    await api.close();
  });

  async function newService(user: TestUser, type = 'web') {
    const project = (await api.request('POST', '/projects', { as: user, body: { name: 'P' } })).json();
    const body = { name: 'web', type };
    return (await api.request('POST', `/projects/${project.id}/services`, { as: user, body })).json();
  }
  const add = (body: object, to = service, as = owner) =>
    api.request('POST', `/services/${to.id}/domains`, { as, body });
  const at = (id: string) => `/services/${service.id}/domains/${id}`;

  it('says what DNS needs, and notices when it is there', async () => {
    const created = await add({ hostname: 'Shop.Example.com' });
    expect(created.statusCode).toBe(201);
    const domain = created.json();
    expect(domain).toMatchObject({
      hostname: 'shop.example.com',
      status: 'pending',
      tls: 'automatic',
      redirect_https: true,
    });
    expect(domain.dns).toMatchObject({ ok: false, expected: { cname: target, addresses: ['203.0.113.5'] } });
    records.set('shop.example.com', { cname: target });
    const checked = (await api.request('POST', `${at(domain.id)}/check`, { as: owner })).json();
    expect(checked).toMatchObject({ status: 'active', dns: { ok: true, found: { cname: [target] } } });
    records.set('a.example.com', { a: '203.0.113.5' });
    expect((await add({ hostname: 'a.example.com' })).json().status).toBe('active');
    records.set('wrong.example.com', { a: '198.51.100.1' });
    const wrong = (await add({ hostname: 'wrong.example.com' })).json();
    expect(wrong.dns.message).toContain('leads to 198.51.100.1');
    const { domains } = (await api.request('GET', `/services/${service.id}/domains`, { as: owner })).json();
    expect(domains.map(({ hostname }: { hostname: string }) => hostname)).toEqual([
      'a.example.com',
      'shop.example.com',
      'wrong.example.com',
    ]);
  });

  it('leaves a run for each change, and a row in the audit log', async () => {
    const { id } = (await add({ hostname: 'audited.example.com' })).json();
    await api.request('PUT', at(id), { as: owner, body: { redirect_https: false } });
    expect((await api.request('DELETE', at(id), { as: owner })).statusCode).toBe(204);
    expect((await api.request('GET', at(id), { as: owner })).statusCode).toBe(404);
    const rows = await api.database.query('SELECT action FROM audit_logs WHERE resource_id = $1 ORDER BY seq', [id]);
    expect(rows).toEqual([{ action: 'create' }, { action: 'update' }, { action: 'delete' }]);
    const runs = await api.database.query('SELECT 1 FROM runs WHERE workflow = $1 AND subject_id = $2', [
      DOMAINS,
      service.id,
    ]);
    expect(runs.length).toBeGreaterThanOrEqual(3);
  });

  it('refuses what cannot be served', async () => {
    const refusal = async (body: object, to = service) => {
      const answer = await add(body, to);
      return [answer.statusCode, answer.json().code];
    };
    expect(await refusal({ hostname: 'http://x' })).toEqual([400, 'validation_failed']);
    expect(await refusal({ hostname: 'x.apps.localhost' })).toEqual([400, 'domain_reserved']);
    expect(await refusal({ hostname: 'x.example.com', certificate: 'x' })).toEqual([400, 'certificate_invalid']);
    expect(await refusal({ hostname: 'x.example.com' }, await newService(owner, 'worker'))).toEqual([
      400,
      'domain_needs_web',
    ]);
    expect((await api.database.query("SELECT 1 FROM domains WHERE hostname = 'x.example.com'")).length).toBe(0);
  });

  it('a name belongs to one service; DNS that names the service proves whose it is', async () => {
    const stranger = await api.user();
    const other = await newService(stranger);
    await add({ hostname: 'mine.example.org' }, other, stranger);
    const refused = await add({ hostname: 'mine.example.org' });
    expect([refused.statusCode, refused.json().code]).toEqual([409, 'domain_taken']);
    records.set('mine.example.org', { cname: target });
    expect((await add({ hostname: 'mine.example.org' })).json()).toMatchObject({ status: 'active' });
    const back = await add({ hostname: 'mine.example.org' }, other, stranger);
    expect([back.statusCode, back.json().code]).toEqual([409, 'domain_taken']);
  });

  it('keeps the key of an own certificate to itself', async () => {
    const pem = selfSigned('own.example.com');
    const body = { hostname: 'own.example.com', certificate: pem.chain, private_key: pem.key };
    const created = await add(body);
    expect(created.json()).toMatchObject({ tls: 'custom', certificate_expires_at: expect.any(String) });
    expect(created.body).not.toContain('PRIVATE KEY');
    const [row] = await api.database.query<{ private_key: string }>(
      "SELECT private_key FROM domains WHERE tls = 'custom'",
    );
    expect(row?.private_key).toMatch(/^v1\./);
    const given = await api.request('PUT', at(created.json().id), { as: owner, body: { tls: 'automatic' } });
    expect(given.json()).toMatchObject({ tls: 'automatic', certificate_expires_at: null });
  });
});

function selfSigned(name: string) {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'containr-cert-'));
  const [key, chain] = [path.join(dir, 'key'), path.join(dir, 'cert')];
  const args = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    key,
    '-out',
    chain,
    '-days',
    '2',
  ];
  const subject = ['-subj', '/CN=x', '-addext', `subjectAltName=DNS:${name}`];
  execFileSync('openssl', ['req', '-x509', ...args, ...subject], { stdio: 'ignore' });
  const pem = { chain: readFileSync(chain, 'utf8'), key: readFileSync(key, 'utf8') };
  rmSync(dir, { recursive: true });
  return pem;
}

describe('at the ingress', () => {
  let worker: TestWorker;
  beforeAll(async () => {
    worker = await testWorker();
  });
  afterAll(() => worker.close());

  const addRow = (serviceId: string, hostname: string, redirectHttps = true) =>
    worker.db.domain.create({ data: { id: randomUUID(), serviceId, hostname, redirectHttps } });
  const apply = async (serviceId: string) => {
    const run = { id: randomUUID(), workflow: DOMAINS, subjectId: serviceId, lockKey: domainsLock(serviceId) };
    await createRun(worker.db, run);
    await worker.settle();
  };
  const hosts = async () => (await worker.ingress.observe()).map((route) => [route.hosts, route.httpsOnly]);

  it('hosts come with the first release, change with a run, and go with the service', async () => {
    const service = await worker.service();
    const { slug } = await worker.db.service.findUniqueOrThrow({ where: { id: service.id } });
    const own = `${slug}.apps.localhost`;
    await addRow(service.id, 'early.example.com');
    await apply(service.id);
    expect(await hosts()).toEqual([]);
    await worker.source.push(service.id, 'main', { Dockerfile: 'FROM scratch\n' });
    await worker.deployments.create(service.caller, service.id);
    await worker.settle();
    expect(await hosts()).toEqual([[['early.example.com', own].sort(), ['early.example.com']]]);
    await addRow(service.id, '*.late.example.com', false);
    await worker.db.domain.updateMany({ where: { hostname: 'early.example.com' }, data: { deletedAt: new Date() } });
    await apply(service.id);
    expect(await hosts()).toEqual([[['*.late.example.com', own].sort(), undefined]]);
    expect((await worker.ingress.observe())[0]?.upstreams).toHaveLength(1);
  });
});
