/** A base image made without a registry: Debian's static busybox, imported under a name of its own and removed afterwards. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';

const run = promisify(execFile);
const APPLETS = [
  'sh',
  'cat',
  'dd',
  'echo',
  'env',
  'false',
  'grep',
  'ls',
  'mkdir',
  'od',
  'printf',
  'ps',
  'sleep',
  'tail',
  'true',
  'yes',
  'test',
  'seq',
  'awk',
  'wc',
  'stat',
  'head',
];

async function busybox(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'containr-busybox-'));
  try {
    await run('apt-get', ['download', 'busybox-static'], { cwd: folder });
    const archive = (await readdir(folder)).find((name) => name.endsWith('.deb'));
    if (!archive) throw new Error('apt-get downloaded no package');
    await run('dpkg-deb', ['-x', join(folder, archive), join(folder, 'root')]);
    return await readFile(join(folder, 'root/bin/busybox'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Imports the image as `name` (with tag); the caller removes it. */
export async function importBusybox(docker: Docker, name: string): Promise<void> {
  const archive = pack();
  archive.entry({ name: 'bin/busybox', mode: 0o755 }, await busybox());
  for (const applet of APPLETS) archive.entry({ name: `bin/${applet}`, type: 'symlink', linkname: 'busybox' });
  archive.entry({ name: 'tmp', type: 'directory', mode: 0o1777 });
  archive.finalize();
  const [repo, tag] = name.split(':');
  const stream = await docker.importImage(Readable.from(archive), { repo, tag });
  for await (const _ of stream) {
    // Only its end matters: the image exists then.
  }
}

/** A build context from path -> contents. */
export function contextOf(files: Record<string, string>): Readable {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name, mode: 0o644 }, content);
  archive.finalize();
  return Readable.from(archive);
}
