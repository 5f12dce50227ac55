// Commands run by argv, never through a shell.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { SetupError } from './log.mjs';

// Debian keeps debootstrap, dockerd and useradd in sbin, which the PATH of an ordinary login leaves out.
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
const searchPath = () => [...(process.env.PATH ?? '').split(path.delimiter).filter(Boolean), ...SBIN];

const executable = (file) => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** Absolute path of a command, or null when it is not installed. */
export function findCommand(name) {
  return (
    searchPath()
      .map((dir) => path.join(dir, name))
      .find(executable) ?? null
  );
}

/**
 * Runs a command to its end. Never rejects for an exit code.
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, input?: string, signal?: AbortSignal, inherit?: boolean }} [options]
 *   inherit: the command writes to our terminal instead of being collected.
 * @returns {Promise<{ code: number, stdout: string, stderr: string }>} code is 128 + n when signal n ended it.
 */
export function run(command, args, { input, inherit = false, ...options } = {}) {
  const out = inherit ? 'inherit' : 'pipe';
  const child = spawn(command, args, { ...options, stdio: [input === undefined ? 'ignore' : 'pipe', out, out] });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name]?.setEncoding('utf8').on('data', (d) => (text[name] += d));
  child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 128, ...text }));
  });
}

/** As `run`, but an exit code other than 0 is a SetupError with the last lines of what the command said. */
export async function must(command, args, options) {
  const result = await run(command, args, options);
  if (result.code === 0) return result.stdout;
  const tail = `${result.stdout}\n${result.stderr}`.trim().split('\n').slice(-15);
  throw new SetupError([`${[command, ...args].join(' ')} failed with exit code ${result.code}`, ...tail]);
}
