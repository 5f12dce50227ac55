/** Puts the hook where git finds it. The folder is given to git as core.hooksPath, so that nothing inside a repository decides what runs. */

import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
/** Beside this file in the sources; from dist/libs/drivers/source the compiler's output has no copy, the repository has. */
const CANDIDATES = ['hooks', '../../../../libs/drivers/source/hooks'].map((dir) =>
  path.join(here, dir, 'proc-receive.pl'),
);

/** Writes `<dir>/proc-receive` (idempotent, atomic) and returns `dir`. @param perl absolute path of the interpreter */
export async function ensureHooks(dir: string, perl = '/usr/bin/perl'): Promise<string> {
  const source = CANDIDATES.find((file) => existsSync(file));
  if (!source) throw new Error(`The hook is missing: ${CANDIDATES.join(' or ')}`);
  const script = `#!${perl}\n${await readFile(source, 'utf8')}`;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await replace(path.join(dir, 'proc-receive'), (temporary) => writeExecutable(temporary, script));
  return dir;
}

async function replace(file: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  try {
    await make(temporary);
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function writeExecutable(file: string, text: string): Promise<void> {
  await writeFile(file, text);
  await chmod(file, 0o755);
}
