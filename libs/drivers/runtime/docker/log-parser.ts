/**
 * Docker's multiplexed log stream -> lines. Works on Buffers and decodes each message once, at the end: this is the hottest loop of the platform.
 *
 * Wire form (Engine API, "Attach to a container: stream format"): 8 bytes of head (stream number, three zeros, big-endian length), then the
 * payload; with `timestamps=1` a payload is `<RFC 3339, 30 bytes> <message>`. A message is one line with its newline, or a piece of at most
 * 16 KiB of a longer line without one.
 */
import { Unavailable } from '#platform/errors.js';
import type { LogLine } from '../port.js';
import { FIXED_LENGTH, fixedTimestamp } from './timestamps.js';

/** Bytes kept of one line; what a program writes without a newline must not fill our memory. */
export const MAX_LINE_BYTES = 256 * 1024;
export const CUT_MARKER = ' … [line cut after 256 KiB]';

const HEAD_BYTES = 8;
/** Far above any piece Docker sends: a bigger number means that this is not a multiplexed stream. */
const MAX_FRAME_BYTES = 4 * 1024 * 1024;
const SPACE = 0x20;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const NAMES = [null, 'stdout', 'stderr'] as const;
const ENGINE_ERROR = 3;

/** The beginning of a line whose end has not come yet. */
interface Pending {
  pieces: Buffer[];
  bytes: number;
  cut: boolean;
  timestamp: string;
}

export class LogParser {
  private carry: Buffer | null = null;
  private readonly pending: (Pending | null)[] = [null, null, null];
  private readonly after: string;
  /** By stream number: the time of the latest message. */
  private readonly newest: string[] = ['', '', ''];
  private readonly lastLine: (LogLine | null)[] = [null, null, null];

  /** @param after only lines strictly later than this are given out; any RFC 3339 form */
  constructor(after?: string) {
    this.after = after === undefined ? '' : fixedTimestamp(after);
  }

  /** Appends the lines that `chunk` completes to `out`. The chunk is not kept. */
  push(chunk: Buffer, out: LogLine[]): void {
    const data = this.carry ? Buffer.concat([this.carry, chunk]) : chunk;
    let at = 0;
    while (data.length - at >= HEAD_BYTES) {
      const end = at + HEAD_BYTES + frameLength(data, at);
      if (end > data.length) break;
      this.frame(data, at, end, out);
      at = end;
    }
    this.carry = at === data.length ? null : Buffer.from(data.subarray(at));
  }

  /** Gives out lines that never got their newline. */
  end(out: LogLine[]): void {
    for (const stream of [1, 2] as const) {
      const pending = this.pending[stream];
      this.pending[stream] = null;
      if (pending) this.emit(pending.timestamp, stream, joined(pending), out);
    }
  }

  private frame(data: Buffer, at: number, end: number, out: LogLine[]): void {
    const stream = data[at] as number;
    let from = at + HEAD_BYTES;
    if (stream === ENGINE_ERROR) throw engineError(data.toString('utf8', from, end));
    const space = data[from + FIXED_LENGTH] === SPACE ? from + FIXED_LENGTH : data.indexOf(SPACE, from);
    let timestamp = data.toString('latin1', from, space);
    if (timestamp.length !== FIXED_LENGTH) timestamp = fixedTimestamp(timestamp);
    if (this.isReplay(timestamp, stream)) return;
    from = space + 1;
    const complete = data[end - 1] === NEWLINE && end > from;
    let to = complete ? end - 1 : end;
    if (complete && to > from && data[to - 1] === RETURN) to -= 1;
    const pending = this.pending[stream];
    if (complete && !pending) this.emit(timestamp, stream, data.toString('utf8', from, to), out);
    else this.piece(pending, data.subarray(from, to), timestamp, stream, complete, out);
  }

  /**
   * Engines before 23 begin the current file again when it is rotated while they are behind (moby 20.10, loggerutils/follow.go), and send
   * its lines twice. One program's one stream is stamped in order, so an older time is a repetition, except after the host's clock
   * was set back: then what came before lies in the future.
   */
  private isReplay(timestamp: string, stream: number): boolean {
    const newest = this.newest[stream] as string;
    if (timestamp < newest && newest <= new Date().toISOString()) return true;
    this.newest[stream] = timestamp;
    return false;
  }

  /** A long line carries the time of its last piece, so that "strictly after it" skips all of it. */
  private piece(
    known: Pending | null | undefined,
    piece: Buffer,
    timestamp: string,
    stream: number,
    complete: boolean,
    out: LogLine[],
  ): void {
    const pending = known ?? { pieces: [], bytes: 0, cut: false, timestamp };
    const room = MAX_LINE_BYTES - pending.bytes;
    pending.cut ||= piece.length > room;
    if (room > 0) pending.pieces.push(Buffer.from(piece.subarray(0, room)));
    pending.bytes += Math.min(piece.length, room);
    pending.timestamp = timestamp;
    this.pending[stream] = complete ? null : pending;
    if (complete) this.emit(timestamp, stream, joined(pending), out);
  }

  /** A repetition ends with the line that was the last one; on a coarse clock two different lines may share a time. */
  private emit(timestamp: string, stream: number, message: string, out: LogLine[]): void {
    const last = this.lastLine[stream];
    if (timestamp <= this.after || (last?.timestamp === timestamp && last.message === message)) return;
    const line: LogLine = { timestamp, stream: NAMES[stream] ?? 'stdout', message };
    this.lastLine[stream] = line;
    out.push(line);
  }
}

function frameLength(data: Buffer, at: number): number {
  const length = data.readUInt32BE(at + 4);
  if ((data[at] as number) <= ENGINE_ERROR && length <= MAX_FRAME_BYTES) return length;
  throw new Unavailable('log_stream_unreadable', 'The Docker Engine sent a log stream that is not multiplexed.');
}

function joined(pending: Pending): string {
  const text = Buffer.concat(pending.pieces, pending.bytes).toString('utf8');
  return pending.cut ? text + CUT_MARKER : text;
}

function engineError(text: string): Unavailable {
  const said = text.trim().slice(0, 300);
  return new Unavailable('log_stream_failed', `The Docker Engine could not read the log: ${said}`);
}
