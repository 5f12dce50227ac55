import type { LogLine } from '#drivers/runtime/port.js';
import { packLines, unpackLines } from './archive-format.js';

const line = (message: string, stream: LogLine['stream'] = 'stdout'): LogLine => ({
  timestamp: '2026-01-02T03:04:05.123456789Z',
  stream,
  message,
});

it('gives back what was packed', async () => {
  const lines = [line('hello'), line(''), line(' spaces  kept ', 'stderr'), line('ünï\r\u2028code')];
  expect(await unpackLines(await packLines(lines))).toEqual(lines);
});

it('keeps one line one line', async () => {
  expect(await unpackLines(await packLines([line('a\nb'), line('c')]))).toEqual([line('a b'), line('c')]);
});

it('refuses what it has not written', async () => {
  await expect(unpackLines(Buffer.from('no gzip'))).rejects.toThrow();
  await expect(unpackLines(await packLines([{ ...line(''), timestamp: '' }]))).rejects.toThrow('not a line');
});
