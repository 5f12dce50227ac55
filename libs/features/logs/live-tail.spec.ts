import { GAP_FRAME } from '#platform/http/sse-frames.js';
import type { FeedBatch } from './container-feed.js';
import { parseCursor, type ReplicaLine, runtimeFrame, unseenAfter } from './frames.js';
import { LiveTail } from './live-tail.js';

const line = (second: number, container = 'aa', message = `line ${second}`): ReplicaLine => ({
  timestamp: `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000000Z`,
  stream: 'stdout',
  message,
  replica: 0,
  container,
});
const batch = (...lines: ReplicaLine[]): FeedBatch => ({ lines, frame: runtimeFrame(lines) });
const never = new AbortController().signal;

async function messages(tail: LiveTail): Promise<string[]> {
  let text = '';
  for await (const frame of tail.frames(never)) text += frame;
  return [...text.matchAll(/"message":"([^"]*)"/g)].map((match) => match[1] as string);
}

describe('LiveTail', () => {
  it('joins stored and live lines without a gap and without repeating one', async () => {
    const tail = new LiveTail();
    const feed = tail.listener();
    feed.take(batch(line(1), line(2)));
    tail.stored([line(1), line(2), line(3)]);
    feed.take(batch(line(3), line(4)));
    const rest = messages(tail);
    feed.take(batch(line(5)));
    feed.end();
    expect(await rest).toEqual(['line 4', 'line 5']);
  });

  it('compares each container with its own stored lines', async () => {
    const tail = new LiveTail();
    const [one, two] = [tail.listener(), tail.listener()];
    tail.stored([line(5, 'aa')]);
    two.take(batch(line(2, 'bb', 'of bb')));
    one.take(batch(line(4, 'aa', 'seen')));
    one.end();
    two.end();
    expect(await messages(tail)).toEqual(['of bb']);
  });

  it('gives only what its filter lets through, kept or live, and the shared string when that is everything', async () => {
    const tail = new LiveTail({ text: 'line 2', since: null, until: null });
    const feed = tail.listener();
    feed.take(batch(line(1), line(2)));
    const rest = messages(tail);
    feed.take(batch(line(3)));
    feed.take(batch(line(20), line(21)));
    feed.end();
    expect(await rest).toEqual(['line 2', 'line 20', 'line 21']);
  });

  it('shows a gap to a client that lags, before and after the stored lines', async () => {
    const big = batch(line(1, 'aa', 'x'.repeat(700 * 1024)));
    const early = new LiveTail();
    const feed = early.listener();
    feed.take(big);
    feed.take(big);
    const frames: string[] = [];
    for await (const frame of early.frames(never)) frames.push(frame);
    expect(frames).toEqual([GAP_FRAME]);

    const late = new LiveTail();
    const second = late.listener();
    const source = late.frames(never);
    const first = source.next();
    second.take(big);
    await first;
    second.take(big);
    second.take(big);
    expect((await source.next()).value).toBe(GAP_FRAME);
    expect((await source.next()).done).toBe(true);
  });

  it('ends when the client leaves', async () => {
    const tail = new LiveTail();
    tail.listener();
    const gone = new AbortController();
    const end = tail.frames(gone.signal).next();
    gone.abort();
    expect((await end).done).toBe(true);
  });
});

describe('ids', () => {
  it('gives only the last line of a batch an id, which is a cursor', () => {
    const frame = runtimeFrame([line(1, 'abcdef0123456789'), line(2, 'abcdef0123456789')]);
    expect(frame.match(/^id: /gm)).toHaveLength(1);
    const cursor = parseCursor(/^id: (.*)$/m.exec(frame)?.[1]);
    expect(cursor).toEqual({ container: 'abcdef012345', timestamp: '2026-01-01T00:00:02.000000000Z' });
    expect(frame.indexOf('id: ')).toBeGreaterThan(frame.indexOf('line 1'));
  });

  it('goes on exactly in the same container and with an overlap in others', () => {
    const cursor = { container: 'abc', timestamp: '2026-01-01T00:00:02.000000005Z' };
    expect(unseenAfter(cursor, 'abcdef')).toBe('2026-01-01T00:00:02.000000005Z');
    expect(unseenAfter(cursor, 'ffffff')).toBe('2026-01-01T00:00:01.000Z');
  });

  it('takes build lines and refuses everything else', () => {
    expect(parseCursor('17')).toEqual({ build: 17n });
    for (const text of [
      undefined,
      '',
      '-1',
      'zz@2026-01-01T00:00:00Z',
      'aa@yesterday',
      `${'9'.repeat(40)}`,
      'aa@2026-99-99T00:00:00Z',
    ]) {
      expect(parseCursor(text)).toBeNull();
    }
  });
});
