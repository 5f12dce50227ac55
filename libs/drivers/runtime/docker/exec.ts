/** Programs inside a container: stdin and stdout as streams that wait for each other, so that a dump of any size passes in little memory. */
import type { Duplex } from 'node:stream';
import { setTimeout as after } from 'node:timers/promises';
import { Conflict, Invalid, Unavailable } from '#platform/errors.js';
import type { Execution, Handle, Program } from '../port.js';
import type { EngineClient } from './client.js';
import { gone } from './containers.js';
import { refusedWith } from './errors.js';

const HEAD_BYTES = 8;
const STDOUT = 1;
const STDERR_KEPT = 16 * 1024;
/** The engine learns of the end of a program a moment after its output has ended. */
const LOOK_MS = 10;
const LOOKS = 500;
/** Until the engine has started the program: on a busy machine seconds. */
const START_MS = 60_000;

export class Execs {
  constructor(private readonly engine: EngineClient) {}

  async run(handle: Handle, program: Program, signal: AbortSignal): Promise<Execution> {
    const id = await this.create(handle, program, signal);
    const socket = await this.start(handle, id, signal);
    const abort = () => socket.destroy(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    socket.once('close', () => signal.removeEventListener('abort', abort));
    // Errors reach the reader of stdout; without a listener one that comes before it would end the process.
    socket.on('error', () => undefined);
    if (signal.aborted) abort();
    void feed(socket, program.stdin);
    return this.output(id, socket, signal);
  }

  private async create(handle: Handle, { argv, env = {}, user, stdin }: Program, signal: AbortSignal): Promise<string> {
    const Env = Object.entries(env).map(([key, value]) => `${key}=${value}`);
    const AttachStdin = stdin !== undefined;
    const body = { Cmd: argv, Env, User: user ?? '', AttachStdin, AttachStdout: true, AttachStderr: true, Tty: false };
    const path = `/containers/${handle.id}/exec`;
    try {
      return (await this.engine.call<{ Id: string }>({ method: 'POST', path, body, signal, timeoutMs: START_MS })).Id;
    } catch (error) {
      throw explained(error, handle);
    }
  }

  private async start(handle: Handle, id: string, signal: AbortSignal): Promise<Duplex> {
    const body = { Detach: false, Tty: false };
    const headers = { connection: 'Upgrade', upgrade: 'tcp' };
    try {
      const request = { method: 'POST' as const, path: `/exec/${id}/start`, body, signal, timeoutMs: START_MS };
      return await this.engine.hijack(request, headers);
    } catch (error) {
      throw explained(error, handle);
    }
  }

  private output(id: string, socket: Duplex, signal: AbortSignal): Execution {
    const stderr: Buffer[] = [];
    let settle: (result: Awaited<Execution['ended']>) => void = () => undefined;
    let fail: (error: unknown) => void = () => undefined;
    const ended = new Promise<Awaited<Execution['ended']>>((resolve, reject) => {
      settle = resolve;
      fail = reject;
    });
    ended.catch(() => undefined); // whoever only reads stdout meets the same error there
    const stdout = async function* (this: Execs): AsyncGenerator<Buffer> {
      try {
        yield* payloads(socket, stderr);
        signal.throwIfAborted();
        settle({ exitCode: await this.exitCode(id, signal), stderr: tailOf(stderr) });
      } catch (error) {
        const reason = signal.aborted ? signal.reason : this.engine.translate(error);
        fail(reason);
        throw reason;
      } finally {
        socket.destroy();
        fail(new Unavailable('output_not_read', 'The output of the program was not read to its end.'));
      }
    };
    return { stdout: stdout.call(this), ended };
  }

  private async exitCode(id: string, signal: AbortSignal): Promise<number> {
    for (let look = 0; look < LOOKS; look += 1) {
      type Ended = { Running: boolean; ExitCode: number | null };
      const found = await this.engine.call<Ended>({ method: 'GET', path: `/exec/${id}/json`, signal });
      if (!found.Running && found.ExitCode !== null) return found.ExitCode;
      await after(LOOK_MS, undefined, { signal });
    }
    throw new Unavailable('program_not_ended', 'The program in the container closed its output but did not end.');
  }
}

/** Frames of a multiplexed stream (Engine API, "Attach to a container"): stdout is given out piece by piece, stderr is kept. */
async function* payloads(socket: AsyncIterable<Buffer>, stderr: Buffer[]): AsyncGenerator<Buffer> {
  let carry: Buffer = Buffer.alloc(0);
  let left = 0;
  let stream = 0;
  for await (const chunk of socket) {
    let data = carry.length > 0 ? Buffer.concat([carry, chunk]) : chunk;
    while (left > 0 ? data.length > 0 : data.length >= HEAD_BYTES) {
      if (left === 0) {
        stream = data[0] ?? 0;
        left = data.readUInt32BE(4);
        data = data.subarray(HEAD_BYTES);
        continue;
      }
      const piece = data.subarray(0, left);
      left -= piece.length;
      data = data.subarray(piece.length);
      if (stream === STDOUT) yield piece;
      else keepTail(stderr, piece);
    }
    carry = left === 0 ? data : Buffer.alloc(0);
  }
  if (left > 0 || carry.length > 0)
    throw new Unavailable('engine_unreachable', 'The output of a program in a container broke off.');
}

function keepTail(kept: Buffer[], piece: Buffer): void {
  kept.push(Buffer.from(piece));
  let bytes = kept.reduce((sum, { length }) => sum + length, 0);
  while (kept.length > 1 && bytes - (kept[0]?.length ?? 0) >= STDERR_KEPT) bytes -= kept.shift()?.length ?? 0;
}

function tailOf(kept: Buffer[]): string {
  return Buffer.concat(kept).subarray(-STDERR_KEPT).toString('utf8');
}

/** Ends our side when all is written: the program reads its end of file. A program that ended without reading everything is no error here. */
async function feed(socket: Duplex, stdin: Program['stdin']): Promise<void> {
  if (stdin === undefined) return;
  try {
    const chunks = typeof stdin === 'string' ? [Buffer.from(stdin)] : stdin;
    for await (const chunk of chunks) {
      if (socket.destroyed || socket.writableEnded) return;
      if (chunk.length > 0 && !socket.write(chunk)) await drained(socket);
    }
    socket.end();
  } catch (error) {
    socket.destroy(error as Error); // what could not be read: whoever reads stdout is told
  }
}

function drained(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const on = () => {
      socket.off('drain', on).off('close', on);
      resolve();
    };
    socket.on('drain', on).on('close', on);
  });
}

function explained(error: unknown, handle: Handle): unknown {
  if (refusedWith(error, 404)) return gone(handle);
  if (refusedWith(error, 409))
    return new Conflict('workload_not_running', `The container ${handle.name} does not run.`);
  if (refusedWith(error, 400) || refusedWith(error, 500, /executable file not found|no such file/i))
    return new Invalid('program_missing', 'The image does not have the program that was to be run.', { cause: error });
  return error;
}
