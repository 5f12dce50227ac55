/** git processes that work on a repository here: spawned in a group of their own, so that ending one ends its children too. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { Internal } from '#platform/errors.js';
import { gitEnvironment } from './git-environment.js';

export type GitChild = ChildProcessByStdio<Writable, Readable, Readable>;

/** Enough of stderr for a log line, bytes. */
const STDERR_LIMIT = 4096;

/** The working folder is `/`: a process inside the repository means "a fetch or push is under way" to the lock recovery. */
export function spawnGit(repository: string, args: string[]): GitChild {
  return spawn('git', ['--git-dir', repository, ...args], {
    cwd: '/',
    env: gitEnvironment(),
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

export function killGroup(child: GitChild): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // ESRCH: it ended by itself in between.
  }
}

/** Resolves with what stderr said (at most 4 KiB) once the process is gone; rejects when it could not be started or failed. */
export function whenDone(child: GitChild): Promise<string> {
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, STDERR_LIMIT);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(said);
      else reject(new Error(`git ended with ${code ?? signal}: ${said.trim()}`));
    });
  });
}

/** Runs git to its end. @returns stdout. @throws Internal `git_failed`; signal.reason when aborted */
export async function runGit(
  repository: string,
  args: string[],
  options: { input?: string; signal?: AbortSignal } = {},
): Promise<string> {
  const { input, signal } = options;
  signal?.throwIfAborted();
  const child = spawnGit(repository, args);
  const onAbort = () => killGroup(child);
  signal?.addEventListener('abort', onAbort, { once: true });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stdin.on('error', () => undefined); // It ended before it read everything: its exit code says why.
  child.stdin.end(input ?? '');
  try {
    await whenDone(child);
    return output;
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw new Internal('git_failed', 'The git repository on the platform could not be read.', { cause });
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
