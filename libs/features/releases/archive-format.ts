/** How archived output is written: gzip of lines `<RFC 3339 time> <stdout|stderr> <text>`. */
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { LogLine } from '#drivers/runtime/port.js';

const compress = promisify(gzip);
const expand = promisify(gunzip);
/** Far above what is ever written (release-archive.ts); a row that holds more is not ours to unpack. */
const MAX_TEXT_BYTES = 8 * 2 ** 20;
const LINE = /^(\S+) (stdout|stderr) (.*)$/s;

export async function packLines(lines: LogLine[]): Promise<Uint8Array<ArrayBuffer>> {
  const text = lines.map(({ timestamp, stream, message }) => `${timestamp} ${stream} ${message.replaceAll('\n', ' ')}`);
  return Uint8Array.from(await compress(text.join('\n')));
}

/** @throws Error when it was not written by packLines. */
export async function unpackLines(content: Uint8Array): Promise<LogLine[]> {
  const text = (await expand(content, { maxOutputLength: MAX_TEXT_BYTES })).toString('utf8');
  return text.split('\n').map((line) => {
    const [, timestamp, stream, message] = LINE.exec(line) ?? [];
    if (!timestamp) throw new Error('not a line of an archived log');
    return { timestamp, stream: stream as LogLine['stream'], message: message ?? '' };
  });
}
