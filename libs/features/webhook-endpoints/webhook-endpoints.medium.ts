/** Outgoing webhooks from the event to a real receiver, with everything that receivers and networks do. */
import { createHmac, randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WebhookDeliveryDetail, WebhookView, WebhookWithSecret } from '#contracts/webhook-endpoints.js';
import { EventDispatcher, recordEvent } from '#features/events/index.js';
import { EgressGuard } from '#platform/egress.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { SecretBox } from '#platform/secrets.js';
import { testConfig } from '#platform/testing/config.js';
import { createTestProxy } from '#platform/testing/proxy.js';
import { type TestApi, type TestUser, testApi } from '../../../test/factories/api.js';
import { PAUSED_AFTER, PAUSED_AFTER_SECONDS } from './deliveries.plan.js';
import { fanOut } from './deliveries.queries.js';
import { DeliverySender } from './deliveries.sender.js';

const LOCAL = ['127.0.0.1', '127.0.0.2'];

let api: TestApi;
let db: PrismaService;
let events: EventDispatcher;
let owner: TestUser;
let project: string;
let receiver: Receiver;
const servers: http.Server[] = [];

beforeAll(async () => {
  api = await testApi({ environment: { CONTAINR_EGRESS_ALLOW: LOCAL.join() } });
  db = api.app.get(PrismaService);
  events = new EventDispatcher(db);
  events.subscribe(fanOut);
  owner = await api.user();
});
afterAll(() => api?.close());

beforeEach(async () => {
  project = (await call('POST', '/projects', { name: 'P' })).id;
  receiver = await listening();
});
afterEach(async () => {
  for (const server of servers.splice(0)) await close(server);
});

interface Received {
  headers: http.IncomingHttpHeaders;
  body: string;
}
type Answer = (response: http.ServerResponse, received: Received) => unknown;
interface Receiver {
  url: string;
  port: number;
  received: Received[];
  answer: Answer;
}

async function listening(address = '127.0.0.1', port = 0): Promise<Receiver> {
  const server = http.createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const received = { headers: request.headers, body: Buffer.concat(parts).toString() };
    self.received.push(received);
    await self.answer(response, received);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  const self: Receiver = {
    port: (server.address() as AddressInfo).port,
    url: `http://${address}:${(server.address() as AddressInfo).port}/hook`,
    received: [],
    answer: (response) => response.end('thanks'),
  };
  return self;
}

async function close(server: http.Server | undefined): Promise<void> {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
}

async function call(method: string, path: string, body?: unknown, status?: number) {
  const answer = await api.request(method, path, { as: owner, body });
  if (status ? answer.statusCode !== status : answer.statusCode >= 300)
    throw new Error(`${method} ${path}: ${answer.statusCode} ${answer.body}`);
  return answer.body ? answer.json() : null;
}

const hooks = (path = '') => `/projects/${project}/webhooks${path}`;
const hook = (fields: object = {}): Promise<WebhookWithSecret> =>
  call('POST', hooks(), { url: receiver.url, ...fields });
const state = (id: string): Promise<WebhookView> => call('GET', hooks(`/${id}`));
const deliveries = async (id: string): Promise<WebhookDeliveryDetail[]> =>
  (await call('GET', hooks(`/${id}/deliveries`))).deliveries;
const delivery = (id: string, delivered: string): Promise<WebhookDeliveryDetail> =>
  call('GET', hooks(`/${id}/deliveries/${delivered}`));

async function happen(type: 'deployment.running' | 'build.failed' = 'deployment.running', data: object = { n: 1 }) {
  await db.$transaction((tx) => recordEvent(tx, { projectId: project, type, data: { ...data } }));
  await events.round();
}

function newSender(guard = new EgressGuard({ allow: LOCAL, deny: [] }), on = db): DeliverySender {
  return new DeliverySender(on, api.app.get(SecretBox), guard);
}

/** Everything that is due, as the clock does it. */
async function send(sender = newSender()): Promise<void> {
  const errors: unknown[] = [];
  while ((await sender.round((error) => error && errors.push(error))) > 0) await sender.idle();
  if (errors.length > 0) throw errors[0];
}

/** As if the time had come. */
const due = (id: string) =>
  db.$transaction([
    db.webhookEndpoint.update({ where: { id }, data: { retryAt: null } }),
    db.eventDelivery.updateMany({ where: { endpointId: id, status: 'pending' }, data: { nextAttemptAt: new Date(0) } }),
  ]);

it('delivers what it subscribed to, signed, and remembers what became of it', async () => {
  const { id, secret, ...view } = await hook({ events: ['deployment.*'] });
  expect(view).toMatchObject({ status: 'active', notice: null, events: ['deployment.*'], enabled: true });
  await happen('build.failed');
  await happen('deployment.running', { deployment: { id: 'd' }, text: 'ünï \u0000' });
  await send();
  expect(receiver.received).toHaveLength(1);
  const [{ headers, body }] = receiver.received as [Received];
  const sent = JSON.parse(body);
  expect(sent).toEqual({
    id: headers['webhook-id'],
    type: 'deployment.running',
    timestamp: expect.stringMatching(/^\d{4}-/),
    project_id: project,
    data: { deployment: { id: 'd' }, text: 'ünï \uFFFD' },
  });
  const timestamp = headers['webhook-timestamp'];
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const standard = createHmac('sha256', key).update(`${sent.id}.${timestamp}.${body}`).digest('base64');
  const plain = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'webhook-attempt': '1',
    'webhook-signature': `v1,${standard}`,
    'x-containr-signature-256': `sha256=${plain}`,
    'user-agent': expect.stringMatching(/^Containr-Webhooks\//),
  });
  expect(Math.abs(Number(timestamp) * 1000 - Date.now())).toBeLessThan(60_000);
  const [listed] = await deliveries(id);
  expect(listed).toMatchObject({ status: 'succeeded', attempt: 1, event_type: 'deployment.running', error: null });
  const detail = await delivery(id, listed?.id ?? '');
  expect(detail).toMatchObject({ request_body: body, response_body: 'thanks', next_attempt_at: null });
  expect(detail.attempts).toEqual([
    { at: expect.any(String), duration_ms: expect.any(Number), status: 200, error: null },
  ]);
  expect(await state(id)).toMatchObject({ status: 'active', failures: 0, last_success_at: expect.any(String) });
});

it('shows a secret once only, and signs with both while it is rotated', async () => {
  const { id, secret } = await hook();
  const stored = JSON.stringify([await db.webhookEndpoint.findMany(), await call('GET', hooks())]);
  expect(stored).not.toContain(secret);
  const rotated = await call('POST', hooks(`/${id}/rotate-secret`), { overlap_hours: 1 });
  expect(rotated.secret).not.toBe(secret);
  expect(Date.parse(rotated.previous_secret_until) - Date.now()).toBeGreaterThan(3_500_000);
  await happen();
  await send();
  const signatures = () => String(receiver.received.at(-1)?.headers['x-containr-signature-256']).split(',');
  const signed = (by: string) => {
    const { headers, body } = receiver.received.at(-1) as Received;
    const mac = createHmac('sha256', by).update(`${headers['webhook-timestamp']}.${body}`);
    return `sha256=${mac.digest('hex')}`;
  };
  expect(signatures()).toEqual([signed(rotated.secret), signed(secret)]);
  expect(String(receiver.received.at(-1)?.headers['webhook-signature']).split(' ')).toHaveLength(2);
  await db.webhookEndpoint.update({ where: { id }, data: { previousSecretUntil: new Date(Date.now() - 1) } });
  await happen();
  await send();
  expect(signatures()).toEqual([signed(rotated.secret)]);
  const at = await call('POST', hooks(`/${id}/rotate-secret`), { overlap_hours: 0 });
  await happen();
  await send();
  expect(signatures()).toEqual([signed(at.secret)]);
});

it('tries again later until it is delivered: the same id, the next attempt', async () => {
  const { id } = await hook();
  receiver.answer = (response) => response.writeHead(500).end('broken');
  await happen();
  await send();
  const [first] = await deliveries(id);
  expect(first).toMatchObject({ status: 'pending', attempt: 1, error_code: 'bad_status', completed_at: null });
  expect(Date.parse(first?.next_attempt_at ?? '') - Date.parse(first?.attempts[0]?.at ?? '')).toBeGreaterThan(4000);
  expect(await state(id)).toMatchObject({ status: 'failing', failures: 1, notice: expect.stringContaining('500') });
  await send();
  expect(receiver.received).toHaveLength(1);
  receiver.answer = (response) => response.end();
  await due(id);
  await send();
  expect(receiver.received.map(({ headers }) => headers['webhook-attempt'])).toEqual(['1', '2']);
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
  expect((await deliveries(id))[0]).toMatchObject({ status: 'succeeded', attempt: 2, error: null });
  expect(await state(id)).toMatchObject({ status: 'active', failures: 0, failing_since: null, notice: null });
});

it('gives a delivery up after its last attempt', async () => {
  const { id } = await hook();
  receiver.answer = (response) => response.writeHead(404).end();
  await happen();
  for (let attempt = 1; attempt <= 12; attempt++) {
    await due(id);
    await send();
  }
  expect(receiver.received).toHaveLength(12);
  expect((await deliveries(id))[0]).toMatchObject({ status: 'failed', attempt: 12, error_code: 'bad_status' });
  await due(id);
  await send();
  expect(receiver.received).toHaveLength(12);
});

it('leaves an endpoint alone that fails again and again, and goes on when one gets through', async () => {
  const { id } = await hook();
  receiver.answer = (response) => response.writeHead(503).end();
  for (let n = 0; n < 7; n++) await happen();
  await send();
  // All seven were under way at once; from then on it waits as a whole.
  const waiting = await db.webhookEndpoint.findUniqueOrThrow({ where: { id } });
  expect(waiting).toMatchObject({ failures: 7, retryAt: expect.any(Date) });
  await db.eventDelivery.updateMany({ data: { nextAttemptAt: new Date(0) } });
  await send();
  expect(receiver.received).toHaveLength(7);
  receiver.answer = (response) => response.end();
  await due(id);
  const sender = newSender();
  expect(await sender.round(() => undefined)).toBe(1);
  await sender.idle();
  await send();
  expect((await deliveries(id)).map(({ status }) => status)).toEqual(Array(7).fill('succeeded'));
});

it('is paused after failing for a day, says so, and is resumed', async () => {
  const { id } = await hook();
  receiver.answer = (response) => response.writeHead(500).end();
  await happen();
  await happen();
  const long = new Date(Date.now() - (PAUSED_AFTER_SECONDS + 60) * 1000);
  await db.webhookEndpoint.update({ where: { id }, data: { failures: PAUSED_AFTER - 1, failingSince: long } });
  await send();
  expect(receiver.received).toHaveLength(1);
  const paused = await state(id);
  expect(paused).toMatchObject({ status: 'paused', paused_at: expect.any(String) });
  expect(paused.notice).toMatch(/answered 500.*resume/);
  const audit = await call('GET', `/audit-logs/webhook/${id}`);
  expect(audit.audit_logs[0]).toMatchObject({ action: 'pause' });
  await happen();
  await send();
  expect(receiver.received).toHaveLength(1);
  const missed = await deliveries(id);
  expect(missed.map(({ error_code }) => error_code)).toEqual(['endpoint_paused', 'endpoint_paused', 'endpoint_paused']);
  // A test and a replay get through to see whether it works again; they do not end the pause.
  receiver.answer = (response) => response.end();
  await call('POST', hooks(`/${id}/test`));
  await call('POST', hooks(`/${id}/deliveries/${missed[0]?.id}/replay`));
  await send();
  expect(receiver.received).toHaveLength(3);
  expect((await state(id)).status).toBe('paused');
  expect(await call('POST', hooks(`/${id}/resume`))).toMatchObject({ status: 'active', notice: null });
  await call('POST', hooks(`/${id}/resume`), undefined, 409);
  await happen();
  await send();
  expect(receiver.received).toHaveLength(4);
});

it('replays with the same id, once, and tests with an event of its own', async () => {
  const { id } = await hook({ events: ['build.failed'] });
  await happen('build.failed');
  await send();
  const [delivered] = await deliveries(id);
  const replayed = await call('POST', hooks(`/${id}/deliveries/${delivered?.id}/replay`));
  expect(replayed).toMatchObject({ manual: true, replay_of: delivered?.id, event_id: delivered?.event_id });
  receiver.answer = (response) => response.writeHead(500).end();
  await send();
  expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual(Array(2).fill(delivered?.event_id));
  expect(await delivery(id, replayed.id)).toMatchObject({ status: 'failed', attempt: 1, next_attempt_at: null });
  expect((await state(id)).failures).toBe(0);
  await call('POST', hooks(`/${id}/test`));
  await send();
  expect(JSON.parse(receiver.received[2]?.body ?? '')).toMatchObject({ type: 'webhook.test' });
  const other = await hook();
  await call('POST', hooks(`/${other.id}/deliveries/${delivered?.id}/replay`), undefined, 404);
});

it('sends nothing to one that is switched off, not later either', async () => {
  const { id } = await hook();
  await happen();
  await call('PUT', hooks(`/${id}`), { enabled: false });
  await happen();
  await call('PUT', hooks(`/${id}`), { enabled: true });
  await send();
  expect(receiver.received).toHaveLength(0);
  expect((await deliveries(id)).map(({ error_code }) => error_code)).toEqual(['endpoint_disabled']);
});

it('tells of nothing that was rolled back', async () => {
  await hook();
  const failing = db.$transaction(async (tx) => {
    await recordEvent(tx, { projectId: project, type: 'build.failed', data: {} });
    throw new Error('rolled back');
  });
  await expect(failing).rejects.toThrow('rolled back');
  await events.round();
  await send();
  expect(receiver.received).toHaveLength(0);
});

it('hands each event on once, with two workers at it and one that dies in between', async () => {
  const { id } = await hook();
  const dying = new EventDispatcher(db);
  dying.subscribe(async (tx, found) => {
    await fanOut(tx, found);
    throw new Error('killed');
  });
  await db.$transaction(async (tx) => {
    for (let n = 0; n < 300; n++) await recordEvent(tx, { projectId: project, type: 'build.failed', data: { n } });
  });
  await expect(dying.round()).rejects.toThrow('killed');
  await Promise.all([events.round(), events.round()]);
  await events.round();
  expect(await db.eventDelivery.count({ where: { endpointId: id } })).toBe(300);
  // Two workers share the sending, too.
  await Promise.all([send(), send()]);
  await send();
  const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
  expect([ids.length, new Set(ids).size]).toEqual([300, 300]);
}, 60_000);

it('sends again what a worker that lost its database could not record', async () => {
  const { id } = await hook();
  const proxy = await createTestProxy(api.database.url);
  const lost = new PrismaService(testConfig({ DATABASE_URL: proxy.url }));
  try {
    receiver.answer = async (response) => {
      await proxy.refuse();
      response.end();
    };
    await happen();
    await expect(send(newSender(undefined, lost))).rejects.toThrow();
    expect((await deliveries(id))[0]).toMatchObject({ status: 'pending', attempt: 1, attempts: [] });
    await send();
    expect(receiver.received).toHaveLength(1); // the lease of the lost one is not over
    receiver.answer = (response) => response.end();
    await due(id);
    await send();
    expect(receiver.received.map(({ headers }) => headers['webhook-attempt'])).toEqual(['1', '2']);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect((await deliveries(id))[0]).toMatchObject({ status: 'succeeded', attempt: 2 });
  } finally {
    await lost.$disconnect();
    await proxy.close();
  }
});

it('does not record the result of an attempt that was taken over', async () => {
  const { id } = await hook();
  receiver.answer = async (response) => {
    await db.eventDelivery.updateMany({ where: { endpointId: id }, data: { attempt: 2 } });
    response.writeHead(500).end();
  };
  await happen();
  await send();
  expect((await deliveries(id))[0]).toMatchObject({ status: 'pending', attempt: 2, attempts: [] });
  expect(await state(id)).toMatchObject({ failures: 0 });
});

it('forgets a delivery whose webhook is deleted while it is under way', async () => {
  const { id } = await hook();
  receiver.answer = async (response) => {
    await call('DELETE', hooks(`/${id}`));
    response.end();
  };
  await happen();
  await send();
  await call('GET', hooks(`/${id}`), undefined, 404);
  expect(await db.eventDelivery.count({ where: { endpointId: id } })).toBe(0);
});

it('ends at its deadline when nobody answers, and takes what there is of a body that trickles in', async () => {
  const { id } = await hook();
  receiver.answer = () => undefined;
  await happen();
  await send();
  expect((await deliveries(id))[0]).toMatchObject({ status: 'pending', error_code: 'timeout' });
  const drip = (response: http.ServerResponse) => {
    response.write('slow');
    const timer = setInterval(() => response.write('.'), 100);
    response.on('close', () => clearInterval(timer));
  };
  receiver.answer = drip;
  await due(id);
  await send();
  const [delivered] = await deliveries(id);
  expect(delivered).toMatchObject({ status: 'succeeded', attempt: 2 });
  expect((await delivery(id, delivered?.id ?? '')).response_body).toMatch(/^slow/);
}, 60_000);

it('keeps only the beginning of a long answer', async () => {
  const { id } = await hook();
  receiver.answer = (response) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', more);
    more();
  };
  await happen();
  await send();
  const [delivered] = await deliveries(id);
  expect((await delivery(id, delivered?.id ?? '')).response_body).toHaveLength(4096);
});

it('cuts what is too long to send', async () => {
  await hook();
  await happen('build.failed', { text: 'x'.repeat(1_000_000), kept: 1 });
  await happen('build.failed', { many: Array(1000).fill('x'.repeat(1000)) });
  await send();
  const data = receiver.received.map(({ body }) => JSON.parse(body).data);
  expect(data).toContainEqual({ text: `${'x'.repeat(4000)}…`, kept: 1 });
  expect(data).toContainEqual({ truncated: true });
});

describe('where it may lead', () => {
  it.each([
    'http://10.0.0.7/',
    'http://192.168.0.1/',
    'http://[::1]/',
    'http://169.254.169.254/',
    'http://0x7f000003/',
  ])('refuses %s when it is set', async (url) => {
    const { code, error } = await call('POST', hooks(), { url }, 400);
    expect([code, error]).toEqual(['url_refused', expect.stringContaining('CONTAINR_EGRESS_ALLOW')]);
    const { id } = await hook();
    expect((await call('PUT', hooks(`/${id}`), { url }, 400)).code).toBe('url_refused');
  });

  it('follows no redirect', async () => {
    const inside = await listening();
    const { id } = await hook();
    receiver.answer = (response) => response.writeHead(307, { location: inside.url }).end();
    await happen();
    await send();
    expect(inside.received).toHaveLength(0);
    expect((await deliveries(id))[0]).toMatchObject({
      error_code: 'redirect',
      error: expect.stringContaining(inside.url),
    });
  });

  it('asks DNS again before each attempt and dials what was checked, nothing else', async () => {
    const outside = await listening('127.0.0.2');
    const inside = await listening('127.0.0.1', outside.port);
    const url = `http://hooks.example.test:${outside.port}/`;
    const row = { id: randomUUID(), projectId: project, url, events: ['*'] };
    const secret = api.app.get(SecretBox).seal('whsec_AAAA', `webhook:${row.id}`);
    await db.webhookEndpoint.create({ data: { ...row, secret } });
    const answers = [['127.0.0.2'], ['127.0.0.1']];
    const asked: string[] = [];
    const resolve = async (host: string) => {
      asked.push(host);
      return answers.shift() ?? ['127.0.0.1'];
    };
    const sender = newSender(new EgressGuard({ allow: ['127.0.0.2'], deny: [], resolve }));
    await happen();
    await send(sender);
    expect([outside.received.length, inside.received.length]).toEqual([1, 0]);
    await happen();
    await send(sender);
    expect([outside.received.length, inside.received.length]).toEqual([1, 0]);
    expect(asked).toEqual(['hooks.example.test', 'hooks.example.test']);
    expect((await deliveries(row.id))[0]).toMatchObject({ status: 'pending', error_code: 'url_refused' });
  });

  it('says when nobody listens', async () => {
    const { id } = await hook();
    await close(servers.pop());
    await happen();
    await send();
    expect((await deliveries(id))[0]).toMatchObject({
      error_code: 'connection_failed',
      error: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

it('is for administrators of the project, and bounded', async () => {
  for (let n = 0; n < 20; n++) await hook();
  expect(await call('POST', hooks(), { url: receiver.url }, 409)).toMatchObject({ code: 'too_many_webhooks' });
  await call('POST', hooks(), { url: 'ftp://example.com/' }, 400);
  await call('POST', hooks(), { url: 'https://user:pw@1.1.1.1/' }, 400);
  await call('POST', hooks(), { url: receiver.url, events: ['deployment.exploded'] }, 400);
  await call('POST', hooks(), { url: receiver.url, events: [] }, 400);
  await call('POST', hooks(`/${randomUUID()}/test`), undefined, 404);
  const stranger = await api.user();
  expect((await api.request('GET', hooks(), { as: stranger })).statusCode).toBe(404);
});
