/** Railpack and Nixpacks cannot be had here: programs of their names check how they are called. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BuildPrograms, type ProgramRequest } from './programs.js';
import { contextOf } from './testing/base-image.js';

jest.setTimeout(120_000);

let folder: string;
let bin: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'containr-programs-'));
  bin = path.join(folder, 'bin');
  mkdirSync(bin);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, script: string): void {
  writeFileSync(
    path.join(bin, name),
    `#!/bin/sh\nprintf '%s\\n' "$@" >> ${folder}/argv\nenv > ${folder}/env\npwd > ${folder}/cwd\n${script}\n`,
  );
  chmodSync(path.join(bin, name), 0o755);
}

const programs = () => new BuildPrograms(`${bin}:/usr/bin:/bin`);
const never = new AbortController().signal;

const request = (change: Partial<ProgramRequest> = {}): ProgramRequest => ({
  program: 'nixpacks',
  context: contextOf({ 'package.json': '{}', 'src/a.js': 'a' }),
  buildCommand: 'npm run build; echo $HOME',
  startCommand: null,
  variables: { A: 'x y' },
  generated: '.containr-build',
  log: () => undefined,
  ...change,
});

it('says which are installed', async () => {
  program('railpack', '');
  expect(await programs().installed()).toEqual({ railpack: true, nixpacks: false });
});

it('nixpacks: argv as it is, none of our environment, the Dockerfile and what it copies', async () => {
  program(
    'nixpacks',
    'test -f "$2/src/a.js" || exit 9\nmkdir -p "$4/.nixpacks" && echo FROM x > "$4/.nixpacks/Dockerfile" && echo y > "$4/.nixpacks/n.nix"',
  );
  const made = await programs().prepare(request(), never);
  expect(made).toEqual({
    files: { '.nixpacks/Dockerfile': 'FROM x\n', '.nixpacks/n.nix': 'y\n' },
    dockerfile: '.nixpacks/Dockerfile',
    buildArgs: { A: 'x y' },
  });
  const argv = readFileSync(path.join(folder, 'argv'), 'utf8').trim().split('\n');
  expect(argv).toEqual([
    'build',
    expect.any(String),
    '--out',
    expect.any(String),
    '--build-cmd=npm run build; echo $HOME',
    '--env=A=x y',
  ]);
  expect(readFileSync(path.join(folder, 'env'), 'utf8')).not.toMatch(/CONTAINR|DATABASE|NODE_ENV/);
  expect(existsSync(readFileSync(path.join(folder, 'cwd'), 'utf8').trim())).toBe(false);
});

it('railpack: the plan, built by the frontend of its version', async () => {
  program('railpack', 'if [ "$1" = --version ]; then echo "railpack version 0.17.1"; exit; fi\nprintf "{}" > "$4"');
  const made = await programs().prepare(request({ program: 'railpack' }), never);
  expect(made).toEqual({
    files: { '.containr-build/railpack-plan.json': '{}' },
    dockerfile: '.containr-build/railpack-plan.json',
    buildArgs: { BUILDKIT_SYNTAX: 'ghcr.io/railwayapp/railpack-frontend:v0.17.1' },
  });
});

it('a failure says what the program said', async () => {
  program('nixpacks', 'echo "no provider found" >&2; exit 3');
  const message = expect.stringMatching(/code 3[\s\S]*no provider found/);
  await expect(programs().prepare(request(), never)).rejects.toMatchObject({ code: 'builder_failed', message });
});

it('an abort ends it and everything that it started', async () => {
  program('nixpacks', `sleep 600 & echo $! > ${folder}/child\nwait`);
  const abort = new AbortController();
  const preparing = programs().prepare(request(), abort.signal);
  const settled = preparing.catch((error) => error);
  for (const end = Date.now() + 60_000; !readdirSync(folder).includes('child'); ) {
    if (Date.now() > end) throw new Error('it did not start');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  abort.abort(new Error('stop'));
  expect(await settled).toEqual(new Error('stop'));
  const child = Number(readFileSync(path.join(folder, 'child'), 'utf8'));
  // A zombie that nobody collects yet is over, too.
  const stat = () =>
    existsSync(`/proc/${child}/stat`) ? readFileSync(`/proc/${child}/stat`, 'utf8').split(') ')[1]?.[0] : 'gone';
  expect(['gone', 'Z', undefined]).toContain(stat());
});
