/**
 * A folder of this machine as a build context. Symbolic links stay links in the context and are never followed while reading, so what is
 * outside the folder cannot get into it.
 */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { type Header, pack } from 'tar-stream';
import { Invalid } from '#platform/errors.js';
import { DockerIgnore } from './dockerignore.js';

const FILE_LIMIT = 1024 * 1024;
/** Never part of a context, whatever .dockerignore says: history and credentials of git. */
const NEVER = new Set(['.git']);

/**
 * The folder's real path.
 * @param base what it must be below; its own links are the operator's business
 * @param wanted relative to base, or absolute and below it
 * @throws Invalid `source_path_invalid`: outside, not there, or not a folder
 */
export async function requireFolder(base: string, wanted: string): Promise<string> {
  const root = await realpath(base).catch(() => null);
  if (!root) throw refused(`the configured folder ${base} does not exist`);
  const asked = path.resolve(root, path.isAbsolute(wanted) ? path.join(root, path.relative(base, wanted)) : wanted);
  const real = await realpath(asked).catch(() => null);
  // The same words for both: what is outside must not be told apart from what does not exist.
  if (!real || (real !== root && !real.startsWith(`${root}${path.sep}`)))
    throw refused('there is no such folder below the configured one');
  if (!(await lstat(real)).isDirectory()) throw refused('it is not a folder');
  return real;
}

const refused = (why: string): Invalid => new Invalid('source_path_invalid', `source_path cannot be used: ${why}.`);

/** One regular file below the folder, at most 1 MiB; null when it is not there, a link, or reached through a link. */
export async function readBelow(folder: string, name: string): Promise<string | null> {
  const file = path.join(folder, name);
  const real = await realpath(file).catch(() => null);
  if (real !== file) return null;
  let handle: FileHandle | null = null;
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile()) return null;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(FILE_LIMIT), 0, FILE_LIMIT, 0);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } catch {
    return null; // Gone in between, or not readable: for the build it is not there.
  } finally {
    await handle?.close();
  }
}

/** Tar of the folder with .dockerignore applied; ends with an error when a file changes its length while it is read. */
export async function folderContext(folder: string, dockerfile: string, signal: AbortSignal): Promise<Readable> {
  const ignore = await ignoreFile(folder, dockerfile);
  const archive = pack();
  const abort = () => archive.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  archive.on('close', () => signal.removeEventListener('abort', abort));
  add(archive, folder, '', ignore).then(
    () => archive.finalize(),
    (error: Error) => archive.destroy(error),
  );
  return archive as unknown as Readable;
}

async function ignoreFile(folder: string, dockerfile: string): Promise<DockerIgnore> {
  for (const name of [`${dockerfile}.dockerignore`, '.dockerignore']) {
    const text = await readBelow(folder, name);
    if (text !== null) return new DockerIgnore(text, [dockerfile, '.dockerignore', name]);
  }
  return new DockerIgnore('', []);
}

type Archive = ReturnType<typeof pack>;

async function add(archive: Archive, root: string, below: string, ignore: DockerIgnore): Promise<void> {
  const entries = await readdir(path.join(root, below), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (NEVER.has(entry.name)) continue;
    const name = below ? `${below}/${entry.name}` : entry.name;
    const full = path.join(root, name);
    const { mode, mtime } = await lstat(full);
    const header = { name, mode: mode & 0o777, mtime };
    // An excluded folder is looked into: something in it may be taken back by `!`.
    if (entry.isDirectory()) {
      if (!ignore.excludes(name)) await put(archive, { ...header, name: `${name}/`, type: 'directory' });
      await add(archive, root, name, ignore);
    } else if (ignore.excludes(name)) continue;
    else if (entry.isSymbolicLink()) await put(archive, { ...header, type: 'symlink', linkname: await readlink(full) });
    else if (entry.isFile()) await putFile(archive, full, header);
  }
}

function put(archive: Archive, header: Partial<Header> & { name: string }): Promise<void> {
  return new Promise((resolve, reject) => archive.entry(header, (error) => (error ? reject(error) : resolve())));
}

async function putFile(archive: Archive, file: string, header: Partial<Header> & { name: string }): Promise<void> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  const { size } = await handle.stat();
  const sink = archive.entry({ ...header, size, type: 'file' });
  await new Promise<void>((resolve, reject) => {
    // Never more than announced: a file that grows meanwhile must not break the archive.
    const source = size === 0 ? null : handle.createReadStream({ start: 0, end: size - 1 });
    const done = (error?: Error | null) => (error ? reject(error) : resolve());
    if (source) pipeline(source, sink as unknown as NodeJS.WritableStream, done);
    else void handle.close().then(() => sink.end(() => resolve()));
  });
}
