import type { LogLine } from '../port.js';
import { frame } from '../testing/scripted-engine.js';
import { CUT_MARKER, LogParser, MAX_LINE_BYTES } from './log-parser.js';

const at = (n: number) => `2026-01-02T03:04:05.${String(n).padStart(9, '0')}Z`;
const message = (n: number, text: string, stream = 1) => frame(stream, `${at(n)} ${text}`);

function parse(chunks: Buffer[], after?: string): LogLine[] {
  const parser = new LogParser(after);
  const out: LogLine[] = [];
  for (const chunk of chunks) parser.push(chunk, out);
  parser.end(out);
  return out;
}
const texts = (lines: LogLine[]) => lines.map((line) => line.message);

describe('LogParser', () => {
  const stream = Buffer.concat([
    message(1, 'one\n'),
    message(2, 'zwölf ☃\n', 2),
    message(3, '\n'),
    message(4, 'crlf\r\n'),
  ]);
  const lines: LogLine[] = [
    { timestamp: at(1), stream: 'stdout', message: 'one' },
    { timestamp: at(2), stream: 'stderr', message: 'zwölf ☃' },
    { timestamp: at(3), stream: 'stdout', message: '' },
    { timestamp: at(4), stream: 'stdout', message: 'crlf' },
  ];

  it('reads frames', () => expect(parse([stream])).toEqual(lines));

  it('reads the same whatever the pieces are', () => {
    for (let size = 1; size <= stream.length; size++) {
      const chunks: Buffer[] = [];
      for (let from = 0; from < stream.length; from += size) chunks.push(stream.subarray(from, from + size));
      expect(parse(chunks)).toEqual(lines);
    }
  });

  it('does not keep the chunk: a reader may reuse its memory', () => {
    const parser = new LogParser();
    const out: LogLine[] = [];
    const half = Buffer.from(message(1, 'kept\n').subarray(0, 20));
    parser.push(half, out);
    half.fill(0);
    parser.push(message(1, 'kept\n').subarray(20), out);
    expect(texts(out)).toEqual(['kept']);
  });

  it('joins the pieces of a long line, stream by stream, also inside a character', () => {
    const snow = Buffer.from('☃');
    const first = Buffer.concat([Buffer.from(`${at(1)} a`), snow.subarray(0, 1)]);
    const second = Buffer.concat([Buffer.from(`${at(3)} `), snow.subarray(1), Buffer.from('b\n')]);
    const got = parse([frame(1, first), message(2, 'between\n', 2), frame(1, second)]);
    expect(got).toEqual([
      { timestamp: at(2), stream: 'stderr', message: 'between' },
      { timestamp: at(3), stream: 'stdout', message: 'a☃b' },
    ]);
  });

  it('cuts a line that never ends, visibly, and goes on with the next', () => {
    const piece = 'x'.repeat(16 * 1024);
    const pieces = Array.from({ length: 20 }, (_, n) => message(n + 1, piece));
    const got = parse([...pieces, message(30, 'end\n'), message(31, 'next\n')]);
    expect(texts(got)).toEqual(['x'.repeat(MAX_LINE_BYTES) + CUT_MARKER, 'next']);
  });

  it('gives out a line without a newline at the end', () => {
    expect(texts(parse([message(1, 'prompt> ')]))).toEqual(['prompt> ']);
  });

  it('skips up to and including a time, in any RFC 3339 form', () => {
    expect(texts(parse([stream], at(2)))).toEqual(['', 'crlf']);
    expect(texts(parse([stream], '2026-01-02T04:04:05.000000003+01:00'))).toEqual(['crlf']);
    expect(() => parse([stream], 'yesterday')).toThrow(/not a time/);
  });

  it('drops what a rotated file repeats, and nothing else', () => {
    const written = [message(1, 'a\n'), message(2, 'b\n'), message(2, 'same time\n'), message(2, 'other\n', 2)];
    const again = [message(1, 'a\n'), message(2, 'same time\n'), message(2, 'other\n', 2)];
    const got = parse([...written, ...again, message(3, 'c\n')]);
    expect(texts(got)).toEqual(['a', 'b', 'same time', 'other', 'c']);
  });

  it('keeps lines written after the clock was set back', () => {
    const future = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}.000000000Z`;
    const got = parse([frame(1, `${future} before\n`), message(1, 'after\n'), message(2, 'later\n')]);
    expect(texts(got)).toEqual(['before', 'after', 'later']);
  });

  it('throws what the engine reports inside the stream, and on a stream that is not multiplexed', () => {
    expect(() => parse([frame(3, 'Error grabbing logs: unexpected EOF')])).toThrow(/unexpected EOF/);
    expect(() => parse([Buffer.from('plain text of a terminal\n')])).toThrow(/not multiplexed/);
  });
});
