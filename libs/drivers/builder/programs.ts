/**
 * Programs that turn a source into something BuildKit can build: Railpack and Nixpacks. They are run with argv, never by a shell, on a copy of
 * the source without symbolic links, with an environment of their own: nothing of the platform's, and nothing outside the copy, can get
 * into a build through them.
 * Options: railpack.com/reference/cli (0.17), nixpacks.com/docs/cli (1.x). Neither was run here: only stand-ins that check the arguments.
 */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { access, constants, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { Invalid } from '#platform/errors.js';

export type Program = 'railpack' | 'nixpacks';

export interface ProgramRequest {
  program: Program;
  /** Tar of the source; consumed. */
  context: Readable;
  buildCommand: string | null;
  startCommand: string | null;
  variables: Record<string, string>;
  /** Folder that generated files are put into. */
  generated: string;
  log: (line: string) => void;
}

export interface ProgramResult {
  /** Path in the context -> text. */
  files: Record<string, string>;
  dockerfile: string;
  buildArgs: Record<string, string>;
}

/** Milliseconds: both only read files and ask for versions. */
const DEADLINE_MS = 120_000;
const RAILPACK_FRONTEND = 'ghcr.io/railwayapp/railpack-frontend';

export class BuildPrograms {
  /** @param searchPath folders with programs, separated by colons */
  constructor(private readonly searchPath: string) {}

  async installed(): Promise<Record<Program, boolean>> {
    const [railpack, nixpacks] = await Promise.all([this.find('railpack'), this.find('nixpacks')]);
    return { railpack: railpack !== null, nixpacks: nixpacks !== null };
  }

  /** @throws Invalid `builder_failed` with what the program said; signal.reason when aborted. Leaves no process and no file. */
  async prepare(request: ProgramRequest, signal: AbortSignal): Promise<ProgramResult> {
    const folder = await mkdtemp(path.join(tmpdir(), 'containr-build-'));
    try {
      const source = path.join(folder, 'source');
      await mkdir(source);
      await unpack(request.context, source, signal);
      return request.program === 'railpack'
        ? await this.railpack(request, folder, signal)
        : await this.nixpacks(request, folder, signal);
    } finally {
      request.context.destroy();
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** The plan is what BuildKit builds, by Railpack's own frontend of the same version. */
  private async railpack(request: ProgramRequest, folder: string, signal: AbortSignal): Promise<ProgramResult> {
    const plan = path.join(folder, 'railpack-plan.json');
    const said = await this.run('railpack', ['--version'], folder, signal, () => undefined);
    await this.run('railpack', railpackArgs(request, path.join(folder, 'source'), plan), folder, signal, request.log);
    const version = /(\d+\.\d+\.\d+)/.exec(said)?.[1];
    const dockerfile = `${request.generated}/railpack-plan.json`;
    return {
      files: { [dockerfile]: await readFile(plan, 'utf8') },
      dockerfile,
      buildArgs: { BUILDKIT_SYNTAX: version ? `${RAILPACK_FRONTEND}:v${version}` : RAILPACK_FRONTEND },
    };
  }

  /** It writes `.nixpacks/Dockerfile` and the files that this one copies. */
  private async nixpacks(request: ProgramRequest, folder: string, signal: AbortSignal): Promise<ProgramResult> {
    const out = path.join(folder, 'out');
    await this.run('nixpacks', nixpacksArgs(request, path.join(folder, 'source'), out), folder, signal, request.log);
    const files: Record<string, string> = {};
    for (const entry of await readdir(path.join(out, '.nixpacks'), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = path.join(entry.parentPath, entry.name);
      files[path.relative(out, file)] = await readFile(file, 'utf8');
    }
    return { files, dockerfile: '.nixpacks/Dockerfile', buildArgs: request.variables };
  }

  private async find(program: Program): Promise<string | null> {
    for (const folder of this.searchPath.split(':').filter(Boolean)) {
      const file = path.join(folder, program);
      if (
        await access(file, constants.X_OK).then(
          () => true,
          () => false,
        )
      )
        return file;
    }
    return null;
  }

  /** @returns its output */
  private async run(
    program: Program,
    args: string[],
    folder: string,
    signal: AbortSignal,
    log: (line: string) => void,
  ): Promise<string> {
    const file = await this.find(program);
    if (!file) throw new Invalid('builder_not_installed', `The program ${program} is not installed on the build host.`);
    const env = { PATH: this.searchPath, HOME: folder, LC_ALL: 'C', NO_COLOR: '1' };
    const limit = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
    const child = spawn(file, args, { cwd: folder, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const end = () => child.pid !== undefined && killGroup(child.pid);
    limit.addEventListener('abort', end, { once: true });
    if (limit.aborted) end();
    const lines: string[] = [];
    const take = (line: string) => {
      lines.push(line);
      if (lines.length > 200) lines.shift();
      log(line);
    };
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', take);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    }).finally(() => limit.removeEventListener('abort', end));
    signal.throwIfAborted();
    if (code === 0) return lines.join('\n');
    const why = limit.aborted ? `did not finish within ${DEADLINE_MS / 1000} s` : `ended with code ${code}`;
    throw new Invalid('builder_failed', `${program} ${why}.\n${lines.slice(-20).join('\n')}`);
  }
}

function railpackArgs(request: ProgramRequest, source: string, plan: string): string[] {
  return ['prepare', source, '--plan-out', plan, ...commands(request), ...variables(request.variables)];
}

function nixpacksArgs(request: ProgramRequest, source: string, out: string): string[] {
  return ['build', source, '--out', out, ...commands(request), ...variables(request.variables)];
}

/** `--option=value`: a command that begins with a dash stays a value. */
const commands = ({ buildCommand, startCommand }: ProgramRequest): string[] => [
  ...(buildCommand ? [`--build-cmd=${buildCommand}`] : []),
  ...(startCommand ? [`--start-cmd=${startCommand}`] : []),
];

const variables = (values: Record<string, string>): string[] =>
  Object.entries(values).map(([name, value]) => `--env=${name}=${value}`);

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: it ended by itself in between.
  }
}

/** Files and folders only: a link could lead out of the copy. */
async function unpack(context: Readable, folder: string, signal: AbortSignal): Promise<void> {
  const archive = extract();
  context.on('error', (error) => archive.destroy(error));
  context.pipe(archive);
  for await (const entry of archive) {
    signal.throwIfAborted();
    const target = path.join(folder, entry.header.name);
    const inside = target.startsWith(`${folder}${path.sep}`);
    if (inside && entry.header.type === 'directory') await mkdir(target, { recursive: true });
    if (inside && entry.header.type === 'file') {
      await mkdir(path.dirname(target), { recursive: true });
      await pipeline(entry as unknown as Readable, createWriteStream(target, { mode: 0o600 }));
    } else entry.resume();
  }
}
