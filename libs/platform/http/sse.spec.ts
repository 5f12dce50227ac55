import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { type FastifyInstance, fastify } from 'fastify';
import { Conflict } from '../errors.js';
import { type EventOptions, type EventSource, eventStreams, formatEvents, sendEvents } from './sse.js';
import { FrameQueue, GAP_FRAME, MAX_LAG_BYTES } from './sse-frames.js';
import { closeUnusedConnections } from './unused-connections.js';

describe('formatEvents', () => {
  it('writes what a browser reads', () => {
    expect(formatEvents([{ data: 'a' }, { id: '7', event: 'line', data: 'one\ntwo\r\nthree\rfour' }])).toBe(
      'data: a\n\nid: 7\nevent: line\ndata: one\ndata: two\ndata: three\ndata: four\n\n',
    );
  });
});

describe('FrameQueue', () => {
  const collect = async (queue: FrameQueue) => {
    const all: string[] = [];
    for await (const frame of queue) all.push(frame);
    return all.join('');
  };

  it('joins what has gathered and ends when closed', async () => {
    const queue = new FrameQueue();
    const reading = collect(queue);
    for (const frame of ['a', 'b', 'c']) expect(queue.push(frame)).toBe(true);
    queue.close();
    expect(queue.push('d')).toBe(false);
    expect(await reading).toBe('abc');
  });

  it('keeps at most 1 MiB for a reader that lags, then ends with a gap', async () => {
    const queue = new FrameQueue();
    const frame = 'x'.repeat(1024);
    let taken = 0;
    while (queue.push(frame)) taken += frame.length;
    expect(taken).toBe(MAX_LAG_BYTES);
    expect(await collect(queue)).toBe(GAP_FRAME);
  });

  it('counts bytes, not characters', () => {
    const queue = new FrameQueue(8);
    expect([queue.push('🚀🚀'), queue.push('x')]).toEqual([true, false]);
  });
});

describe('sendEvents', () => {
  let server: FastifyInstance;
  let source: EventSource;
  let options: EventOptions;
  let ended: Promise<void>;
  let signal: AbortSignal;

  beforeEach(async () => {
    options = {};
    server = fastify({ forceCloseConnections: 'idle' });
    eventStreams(server);
    closeUnusedConnections(server);
    server.get('/', async (_, reply) => {
      reply.header('x-request-id', 'r1');
      const remember: EventSource = (given) => {
        signal = given;
        return source(given);
      };
      ended = sendEvents(reply, remember, options);
      await ended;
    });
    await server.listen({ port: 0, host: '127.0.0.1' });
  });
  afterEach(() => server.close());
  const port = () => (server.server.address() as AddressInfo).port;
  const get = () => fetch(`http://127.0.0.1:${port()}/`);
  const never = (given: AbortSignal) => once(given, 'abort').then(() => undefined);

  it('sends events and batches with the headers of the answer, and ends with the source', async () => {
    source = async function* () {
      yield { id: '1', data: 'a' };
      yield formatEvents([{ data: 'b' }, { data: 'c' }]);
    };
    const answer = await get();
    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(answer.headers.get('x-accel-buffering')).toBe('no');
    expect(answer.headers.get('x-request-id')).toBe('r1');
    expect(await answer.text()).toBe('id: 1\ndata: a\n\ndata: b\n\ndata: c\n\n');
  });

  it('sends headers at once and heartbeats while nothing happens', async () => {
    options = { heartbeatMs: 10 };
    source = async function* (given) {
      await never(given);
      yield* [];
    };
    const answer = await get();
    const reader = answer.body?.getReader();
    const { value } = (await reader?.read()) ?? {};
    expect(Buffer.from(value ?? []).toString()).toContain(': heartbeat\n\n');
    await reader?.cancel();
    await ended;
  });

  it('aborts the source when the client leaves, even one that ignores its signal', async () => {
    source = async function* () {
      yield { data: 'a' };
      await new Promise(() => {});
    };
    const answer = await get();
    await answer.body?.cancel();
    await ended;
    expect(signal.aborted).toBe(true);
  });

  it('ends every stream when the server closes', async () => {
    source = async function* (given) {
      yield { data: 'a' };
      await never(given);
    };
    const answer = await get();
    const text = answer.text();
    await server.close();
    expect(await text).toBe('data: a\n\n');
  });

  it('tells of a failure with its public words only', async () => {
    source = async function* () {
      yield { data: 'a' };
      throw new Conflict('gone', 'It is gone.', { cause: new Error('private') });
    };
    expect(await (await get()).text()).toBe('data: a\n\nevent: error\ndata: {"error":"It is gone.","code":"gone"}\n\n');
    source = async function* () {
      yield* [];
      throw new Error('private');
    };
    expect(await (await get()).text()).not.toContain('private');
  });

  it('waits for a slow reader instead of gathering what it has not read', async () => {
    const batch = `data: ${'x'.repeat(65_000)}\n\n`;
    let sent = 0;
    source = async function* () {
      for (; sent < 400; sent += 1) yield batch;
    };
    const answer = await get();
    const reader = answer.body?.getReader();
    await reader?.read();
    expect(sent).toBeLessThan(400);
    let received = batch.length;
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read())
      received += part.value.length;
    expect(sent).toBe(400);
    expect(received).toBeGreaterThan(399 * batch.length);
  });

  it('cuts a reader that has stopped, with a gap as the last word', async () => {
    options = { stallMs: 50 };
    let sent = 0;
    source = async function* () {
      for (;;) {
        sent += 1;
        yield `data: ${'x'.repeat(65_000)}\n\n`;
      }
    };
    const socket = connect(port(), '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'readable');
    await ended;
    expect(sent).toBeLessThan(2_000);
    let tail = '';
    socket.on('data', (data) => (tail = (tail + data.toString('latin1')).slice(-200)));
    await once(socket, 'end');
    expect(tail).toContain('event: gap');
    socket.destroy();
  });
});
