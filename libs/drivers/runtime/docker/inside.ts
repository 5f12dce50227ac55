/** Looking into a running container: health tests and listening sockets. */
import { readFile } from 'node:fs/promises';
import type { Handle, ListeningSocket } from '../port.js';
import { isLocal } from './address.js';
import type { EngineClient } from './client.js';
import { gone } from './containers.js';
import { refusedWith } from './errors.js';
import { parseListening } from './proc-net.js';
import type { WireContainer } from './wire.js';

const LISTENING_MS = 5_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;

interface ExecResult {
  exitCode: number;
  stdout: string;
}

export class Inside {
  constructor(private readonly engine: EngineClient) {}

  /** A test without a command (`NONE`, empty) passes. A command that runs past its time goes on inside the container: the API cannot kill it. */
  async probe(handle: Handle, test: string[], timeoutMs: number): Promise<boolean> {
    const command = commandOf(test);
    if (!command) return true;
    return (await this.exec(handle, command, timeoutMs))?.exitCode === 0;
  }

  /** From the kernel's tables where the engine's processes are ours to see, else with the container's own `cat`; [] when neither works. */
  async listening(handle: Handle): Promise<ListeningSocket[]> {
    const tables = (await this.tablesOfProcess(handle)) ?? (await this.tablesByExec(handle));
    return parseListening(tables ?? '');
  }

  private async tablesOfProcess(handle: Handle): Promise<string | null> {
    if (!isLocal(this.engine.address)) return null;
    const pid = await this.pidOf(handle);
    if (!pid || !(await belongsTo(pid, handle.id))) return null;
    const tables = await Promise.all(['tcp', 'tcp6'].map((table) => readOrNull(`/proc/${pid}/net/${table}`)));
    return tables[0] === null ? null : tables.join('\n');
  }

  private async pidOf(handle: Handle): Promise<number> {
    try {
      const path = `/containers/${handle.id}/json`;
      return (await this.engine.call<WireContainer>({ method: 'GET', path })).State.Pid;
    } catch (error) {
      throw refusedWith(error, 404) ? gone(handle) : error;
    }
  }

  private async tablesByExec(handle: Handle): Promise<string | null> {
    const result = await this.exec(handle, ['cat', '/proc/net/tcp', '/proc/net/tcp6'], LISTENING_MS);
    // Without IPv6 the second file is missing and cat fails, but the first has been printed.
    return result?.stdout ?? null;
  }

  /** Null when the command did not end in time or the container does not run. @throws NotFound when the container is gone */
  private async exec(handle: Handle, command: string[], timeoutMs: number): Promise<ExecResult | null> {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const body = { Cmd: command, AttachStdout: true, AttachStderr: true };
      const path = `/containers/${handle.id}/exec`;
      const { Id } = await this.engine.call<{ Id: string }>({ method: 'POST', path, body, signal });
      const start = { path: `/exec/${Id}/start`, body: { Detach: false, Tty: false }, signal };
      const stdout = await readStdout(await this.engine.stream({ method: 'POST', ...start }));
      const ended = await this.engine.call<{ ExitCode: number | null }>({
        method: 'GET',
        path: `/exec/${Id}/json`,
        signal,
      });
      return { exitCode: ended.ExitCode ?? -1, stdout };
    } catch (error) {
      // 409: not running or paused. 400: the command does not exist in the image.
      if (signal.aborted || refusedWith(error, 409) || refusedWith(error, 400)) return null;
      throw refusedWith(error, 404) ? gone(handle) : this.engine.translate(error);
    }
  }
}

/** Dockerfile HEALTHCHECK in its stored form; Docker runs CMD-SHELL with the container's own shell, and so do we. */
function commandOf(test: string[]): string[] | null {
  const [kind, ...rest] = test;
  if (rest.length === 0 || kind === 'NONE') return null;
  return kind === 'CMD-SHELL' ? ['/bin/sh', '-c', ...rest] : rest;
}

/** The stdout frames of a multiplexed stream; more than MAX_OUTPUT_BYTES are read and dropped so that the command can end. */
async function readStdout(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    if (bytes < MAX_OUTPUT_BYTES) chunks.push(chunk);
    bytes += chunk.length;
  }
  const data = Buffer.concat(chunks);
  let text = '';
  for (let at = 0; at + 8 <= data.length; ) {
    const end = at + 8 + data.readUInt32BE(at + 4);
    if (data[at] === 1) text += data.toString('utf8', at + 8, end);
    at = end;
  }
  return text;
}

/** A process id of another machine or another pid namespace may exist here too: its cgroup tells whose it is. */
async function belongsTo(pid: number, containerId: string): Promise<boolean> {
  return (await readOrNull(`/proc/${pid}/cgroup`))?.includes(containerId) ?? false;
}

/** Null when the file is not there or not ours to read: the caller has another way. */
async function readOrNull(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}
