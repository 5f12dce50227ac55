/** Refs of our own bare repositories, which use git's `files` backend (gitrepository-layout(5)): one small file per ref, or packed-refs. */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Each commit that a deployment needs is kept by a ref of its own, so that git never drops it. */
export const KEPT = 'refs/containr/commits';
/** Where a fetch under way puts its result. */
export const INCOMING = 'refs/containr/fetch';

const OID = /^[0-9a-f]{40}/;

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (['ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG'].includes(code)) return null;
    throw error;
  }
}

/** @returns the object id, null when there is no such ref. A loose ref wins over a packed one. */
export async function readRef(repository: string, ref: string): Promise<string | null> {
  const loose = OID.exec((await readOrNull(join(repository, ref))) ?? '')?.[0];
  if (loose) return loose;
  const packed = (await readOrNull(join(repository, 'packed-refs'))) ?? '';
  const line = packed.split('\n').find((each) => each.slice(41) === ref && !each.startsWith('#'));
  return line ? line.slice(0, 40) : null;
}

/** The object must be in the repository already. */
export async function keepCommit(repository: string, commit: string): Promise<void> {
  const file = join(repository, KEPT, commit);
  await mkdir(dirname(file), { recursive: true });
  const draft = join(repository, `containr-${randomUUID()}.tmp`);
  await writeFile(draft, `${commit}\n`);
  await rename(draft, file);
}

/** Ids of all commits kept by a ref. */
export async function keptCommits(repository: string): Promise<string[]> {
  const loose = await readdir(join(repository, KEPT)).catch(() => [] as string[]);
  const packed = (await readOrNull(join(repository, 'packed-refs'))) ?? '';
  const prefix = `${KEPT}/`;
  const inPack = packed
    .split('\n')
    .flatMap((line) => (line.slice(41).startsWith(prefix) ? [line.slice(41 + prefix.length)] : []));
  return [...new Set([...loose, ...inPack])].filter((name) => /^[0-9a-f]{40}$/.test(name));
}

/** Results of fetches that a killed platform left behind. */
export async function incomingRefs(repository: string): Promise<string[]> {
  const names = await readdir(join(repository, INCOMING)).catch(() => [] as string[]);
  return names.map((name) => `${INCOMING}/${name}`);
}

export async function dropLooseRef(repository: string, ref: string): Promise<void> {
  await rm(join(repository, ref), { force: true, recursive: true });
}
