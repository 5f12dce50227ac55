/**
 * The few lines of protobuf that BuildKit's messages need. Reading by hand keeps schema files and a reflection library off the path of
 * every log line. Wire format: https://protobuf.dev/programming-guides/encoding/
 */

/** Field number -> every value seen: a number for varints, a Buffer (a view, not a copy) for length-delimited fields. */
export type Fields = Map<number, (number | Buffer)[]>;

interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** Exact up to 2^53, which covers the seconds and counters BuildKit sends. */
function readVarint(cursor: Cursor): number {
  let value = 0;
  let scale = 1;
  for (;;) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) throw new RangeError('protobuf message is cut short');
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
}

function readBytes(cursor: Cursor): Buffer {
  const length = readVarint(cursor);
  const end = cursor.at + length;
  if (end > cursor.bytes.length) throw new RangeError('protobuf message is cut short');
  const value = cursor.bytes.subarray(cursor.at, end);
  cursor.at = end;
  return value;
}

function readValue(cursor: Cursor, wireType: number): number | Buffer | undefined {
  if (wireType === VARINT) return readVarint(cursor);
  if (wireType === BYTES) return readBytes(cursor);
  if (wireType !== FIXED64 && wireType !== FIXED32) throw new RangeError(`protobuf wire type ${wireType} is not known`);
  cursor.at += wireType === FIXED64 ? 8 : 4;
  return undefined;
}

/** @throws RangeError on a message that is cut short or not protobuf. */
export function decode(bytes: Buffer): Fields {
  const fields: Fields = new Map();
  const cursor: Cursor = { bytes, at: 0 };
  while (cursor.at < bytes.length) {
    const key = readVarint(cursor);
    const number = Math.floor(key / 8);
    const value = readValue(cursor, key % 8);
    if (value === undefined) continue;
    const values = fields.get(number);
    if (values) values.push(value);
    else fields.set(number, [value]);
  }
  return fields;
}

export const bytesOf = (fields: Fields, number: number): Buffer[] =>
  (fields.get(number) ?? []).filter((value) => Buffer.isBuffer(value));

export const stringOf = (fields: Fields, number: number): string =>
  bytesOf(fields, number).at(-1)?.toString('utf8') ?? '';

export const numberOf = (fields: Fields, number: number): number => {
  const value = fields.get(number)?.at(-1);
  return typeof value === 'number' ? value : 0;
};

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

export function encodeBytes(number: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from(varint(number * 8 + BYTES)), Buffer.from(varint(value.length)), value]);
}

export function encodeNumber(number: number, value: number): Buffer {
  return Buffer.from([...varint(number * 8 + VARINT), ...varint(value)]);
}
