import { PlainProgress } from './progress.js';
import { decode, encodeBytes, encodeNumber, numberOf, stringOf } from './protobuf.js';
import { redactor } from './redact.js';
import { decodeTrace, type Trace, type Vertex } from './trace.js';

const vertex = (digest: string, change: Partial<Vertex> = {}): Vertex => ({
  digest,
  name: `[1/1] RUN ${digest}`,
  cached: false,
  startedAt: 1000,
  completedAt: null,
  error: '',
  ...change,
});
const trace = (vertexes: Vertex[], ...texts: [string, string][]): Trace => ({
  vertexes,
  output: texts.map(([digest, text]) => ({ vertex: digest, at: 1500, text: Buffer.from(text) })),
});

function shown(...traces: Trace[]) {
  const lines: string[] = [];
  const progress = new PlainProgress((line) => lines.push(line), redactor(['hunter22']));
  for (const each of traces) progress.show(each);
  return { lines, progress };
}

describe('protobuf', () => {
  it('reads what it writes, also large numbers and long texts', () => {
    const long = 'é'.repeat(300);
    const bytes = Buffer.concat([encodeNumber(1, 1_790_000_000_123), encodeBytes(20, Buffer.from(long))]);
    const fields = decode(bytes);
    expect(numberOf(fields, 1)).toBe(1_790_000_000_123);
    expect(stringOf(fields, 20)).toBe(long);
  });

  it('refuses a message that is cut short', () => {
    expect(() => decode(encodeBytes(1, Buffer.from('abcdef')).subarray(0, 4))).toThrow(RangeError);
    expect(() => decode(Buffer.from([0x80]))).toThrow(RangeError);
  });

  it('skips fixed-width fields it does not know', () => {
    expect(numberOf(decode(Buffer.from([0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x15, 1, 2, 3, 4, 0x18, 7])), 3)).toBe(7);
  });

  it('decodes a status message', () => {
    const time = Buffer.concat([encodeNumber(1, 12), encodeNumber(2, 500_000_000)]);
    const step = Buffer.concat([
      encodeBytes(1, Buffer.from('sha256:a')),
      encodeBytes(3, Buffer.from('[1/1] RUN x')),
      encodeNumber(4, 1),
      encodeBytes(5, time),
    ]);
    const log = Buffer.concat([encodeBytes(1, Buffer.from('sha256:a')), encodeBytes(4, Buffer.from('hello\n'))]);
    const message = Buffer.concat([encodeBytes(1, step), encodeBytes(3, log)]);
    expect(decodeTrace(message.toString('base64'))).toEqual({
      vertexes: [
        { digest: 'sha256:a', name: '[1/1] RUN x', cached: true, startedAt: 12_500, completedAt: null, error: '' },
      ],
      output: [{ vertex: 'sha256:a', at: null, text: Buffer.from('hello\n') }],
    });
  });
});

describe('PlainProgress', () => {
  it('announces a step once, shows its output with the elapsed time, and how it ended', () => {
    const { lines } = shown(
      trace([vertex('a', { startedAt: null })]),
      trace([vertex('a')]),
      trace([vertex('a')], ['a', 'one\ntw']),
      trace([], ['a', 'o\n']),
      trace([vertex('a', { completedAt: 3200 })]),
      trace([vertex('a', { completedAt: 3200 })]),
    );
    expect(lines).toEqual(['#1 [1/1] RUN a', '#1 0.500 one', '#1 0.500 two', '#1 DONE 2.2s']);
  });

  it('keeps numbers by first appearance and says CACHED', () => {
    const { lines } = shown(
      trace([vertex('a', { startedAt: null }), vertex('b', { cached: true, completedAt: 1000 })]),
      trace([vertex('a')]),
    );
    expect(lines).toEqual(['#2 [1/1] RUN b', '#2 CACHED', '#1 [1/1] RUN a']);
  });

  it('shows what a terminal would show of a progress bar, and a character cut in two', () => {
    const fish = Buffer.from('🐟\n');
    const { lines } = shown(trace([vertex('a')], ['a', '10%\r50%\r100%\r\n']), {
      vertexes: [],
      output: [fish.subarray(0, 2), fish.subarray(2)].map((text) => ({ vertex: 'a', at: null, text })),
    });
    expect(lines.slice(1)).toEqual(['#1 0.500 100%', '#1 🐟']);
  });

  it('cuts a line that never ends', () => {
    const { lines } = shown(
      trace([vertex('a')], ['a', 'x'.repeat(20_000)]),
      trace([vertex('a', { completedAt: 2000 })]),
    );
    expect(lines[1]?.length).toBeLessThan(16_500);
  });

  it('blames the step that failed, not those cancelled because of it', () => {
    const { lines, progress } = shown(
      trace(
        [vertex('a'), vertex('b')],
        ['b', Array.from({ length: 30 }, (_none, index) => `line ${index}\n`).join('')],
      ),
      trace([vertex('a', { completedAt: 1500, error: 'context canceled' })]),
      trace([vertex('b', { completedAt: 1500, error: 'exit code: 1' })], ['b', 'last words']),
    );
    expect(progress.failed()).toMatchObject({ name: '[1/1] RUN b', error: 'exit code: 1' });
    expect(progress.failed()?.output).toHaveLength(20);
    expect(progress.failed()?.output.at(-1)).toBe('last words');
    expect(lines).toContain('#1 CANCELED');
    expect(lines.at(-1)).toBe('#2 ERROR: exit code: 1');
  });

  it('hides secret values in lines, names and errors', () => {
    const { lines, progress } = shown(
      trace([vertex('hunter22')], ['hunter22', 'password hunter22!\n']),
      trace([vertex('hunter22', { completedAt: 2000, error: 'bad hunter22' })]),
    );
    expect(lines.join('\n')).not.toContain('hunter22');
    expect(progress.failed()?.error).toBe('bad ********');
  });
});

describe('redactor', () => {
  it('hides each line of a secret of several lines, longest first, and leaves short values alone', () => {
    const redact = redactor(['-----BEGIN-----\nabcdef\n', 'abcdefgh', 'a', '']);
    expect(redact('x abcdef y')).toBe('x ******** y');
    expect(redact('abcdefgh')).toBe('********');
    expect(redact('a b')).toBe('a b');
  });
});
