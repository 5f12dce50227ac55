/**
 * Zstandard by the program `zstd`, as streams. Node has it built in only from 22.15 on, and every npm package that streams fetches a native
 * addon from elsewhere: docs/adr/0020.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Internal, Invalid } from '#platform/errors.js';

type Zstd = ChildProcessByStdio<Writable, Readable, Readable>;

/** 3 is zstd's own default: beyond it a dump gets a few percent smaller and much slower. One thread. */
const COMPRESS = ['-3', '-T1'];
/** A frame that wants a larger window than 128 MiB is refused: memory stays bounded whatever is uploaded. */
const DECOMPRESS = ['-d', '--memory=128MB'];
const STDERR_BYTES = 4096;

export function compress(input: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Buffer> {
  return through(COMPRESS, input, signal, (cause) => new Internal('compression_failed', 'zstd failed.', { cause }));
}

/** @throws Invalid `compressed_data_invalid` when the input is not whole and valid. */
export function decompress(input: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Buffer> {
  const invalid = (cause: unknown) =>
    new Invalid('compressed_data_invalid', 'The data is not a whole, valid zstd stream.', { cause });
  return through(DECOMPRESS, input, signal, invalid);
}

/** Memory holds what is in the pipes. An error of the input is thrown as it is; who stops reading ends the program. */
async function* through(
  options: string[],
  input: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  failed: (cause: unknown) => Error,
): AsyncGenerator<Buffer> {
  signal.throwIfAborted();
  const child: Zstd = spawn('zstd', ['-q', '-c', ...options], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = exit(child);
  ended.catch(() => undefined); // awaited below; until then it is no unhandled rejection
  const fed = feed(child, input, signal);
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  try {
    yield* child.stdout;
    const inputError = await fed;
    signal.throwIfAborted();
    if (inputError) throw inputError;
    const { code, stderr } = await ended;
    if (code !== 0) throw failed(`zstd ended with ${code}: ${stderr}`);
  } finally {
    signal.removeEventListener('abort', kill);
    kill();
  }
}

/** What the input threw, null when all of it went in or the program wanted no more: its exit code tells. */
async function feed(child: Zstd, input: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<unknown> {
  let inputError: unknown = null;
  async function* watched() {
    try {
      yield* input;
    } catch (error) {
      inputError = error;
      throw error;
    }
  }
  await pipeline(Readable.from(watched()), child.stdin, { signal }).catch(() => child.kill('SIGKILL'));
  return inputError;
}

function exit(child: Zstd): Promise<{ code: number | null; stderr: string }> {
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_BYTES);
  });
  return new Promise((resolve, reject) => {
    child.once('close', (code) => resolve({ code, stderr }));
    child.once('error', (cause: NodeJS.ErrnoException) => {
      const message =
        'The program zstd is not installed on the machine of the worker: install it (Debian package zstd).';
      reject(cause.code === 'ENOENT' ? new Internal('zstd_missing', message, { cause }) : cause);
    });
  });
}
