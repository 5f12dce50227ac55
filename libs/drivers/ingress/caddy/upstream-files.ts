/**
 * The live replicas of one service as file names, read by Caddy at every request. A switch to a new release is one new file.
 *
 *   <folder>/<version>_<ip:port>,<ip:port>,...            up to 10 replicas, an empty file
 *   <folder>/<version>_<first 10, comma>/<the others>     more: a file name has at most 255 bytes
 *   <folder>/<version>_none                               no replica
 *
 * Caddy's file matcher takes the first existing file in the order of names, so versions count DOWN: the newest sorts first. Superseded
 * versions stay for a while: a request that listed the folder just before the new file appeared must still find the old one.
 * No locks: of two writers at once the one whose file sorts first has won, as if it had come second.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

const PER_NAME = 10;
const HIGHEST = 999_999_999_999;
/** Newest versions that are not removed. */
const KEPT = 3;
const NONE = 'none';
const ENTRY = /^([0-9]{12})_([0-9.:,]+|none)$/;

interface Version {
  name: string;
  number: number;
  upstreams: string[];
}

/** Upstreams of the newest version; [] when there are none. */
export async function readUpstreams(folder: string): Promise<string[]> {
  return (await versions(folder))[0]?.upstreams ?? [];
}

/** Resolved: every request from now on goes to these. Unchanged: nothing is written. The folder is made when missing. */
export async function writeUpstreams(folder: string, upstreams: string[]): Promise<void> {
  const newest = (await versions(folder))[0];
  if (newest && same(newest.upstreams, upstreams)) return;
  await write(folder, (newest?.number ?? HIGHEST) - 1, upstreams);
  await removeOld(folder, upstreams.length > PER_NAME);
}

async function write(folder: string, number: number, upstreams: string[]): Promise<void> {
  const first = upstreams.slice(0, PER_NAME).join(',') || NONE;
  const rest = upstreams.slice(PER_NAME).join(',');
  const file = path.join(folder, `${String(number).padStart(12, '0')}_${first}`, rest);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, '');
}

/** Caddy looks for single names before nested ones, so a nested version counts only once the single ones are gone. */
async function removeOld(folder: string, nested: boolean): Promise<void> {
  const others = (await versions(folder)).slice(1);
  const flat = (version: Version) => version.upstreams.length <= PER_NAME;
  const old = others.filter((version, index) => index >= KEPT - 1 || (nested && flat(version)));
  await Promise.all(old.map(({ name }) => rm(path.join(folder, name), { recursive: true, force: true })));
}

/** Newest first. */
async function versions(folder: string): Promise<Version[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(emptyWhenAbsent);
  const found = await Promise.all(
    entries.map(async (entry) => {
      const match = ENTRY.exec(entry.name);
      if (!match) return [];
      const rest = entry.isDirectory() ? await readdir(path.join(folder, entry.name)).catch(emptyWhenAbsent) : [''];
      if (rest[0] === undefined) return [];
      const names = match[2] === NONE ? [] : [match[2], rest[0]].filter(Boolean).join(',').split(',');
      return [{ name: entry.name, number: Number(match[1]), upstreams: names }];
    }),
  );
  return found.flat().sort((left, right) => (left.name < right.name ? -1 : 1));
}

export function same(left: string[], right: string[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}

/** For `catch`: what is not there has no entries. */
export function emptyWhenAbsent(error: NodeJS.ErrnoException): never[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
