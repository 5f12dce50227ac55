/** Build contexts: `git archive` as it comes, or passed through `.dockerignore`. */
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { extract, type Header, pack } from 'tar-stream';
import { Internal } from '#platform/errors.js';
import type { DockerIgnore } from './dockerignore.js';
import { killGroup, spawnGit, whenDone } from './local-git.js';

/**
 * Tar of a tree; one process, ended with the stream. Symbolic links stay links, submodules are empty folders.
 * @param tree `<commit>` or `<commit>:<folder>`; both were checked to exist
 * @throws (as stream error) Internal `git_failed`, or signal.reason
 */
export function archive(repository: string, tree: string, signal: AbortSignal): Readable {
  const child = spawnGit(repository, ['-c', 'tar.umask=0022', 'archive', '--format=tar', tree]);
  child.stdin.on('error', () => undefined); // It reads nothing; closing early is fine.
  child.stdin.end();
  const out = new PassThrough();
  const onAbort = () => out.destroy(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  out.on('close', () => {
    signal.removeEventListener('abort', onAbort);
    killGroup(child);
  });
  // Its end is passed on only when git succeeded: a cut archive must not look like a whole one.
  child.stdout.pipe(out, { end: false });
  whenDone(child).then(
    () => out.end(),
    (cause) =>
      out.destroy(
        new Internal('git_failed', 'The build context could not be read from the git repository.', { cause }),
      ),
  );
  if (signal.aborted) onAbort();
  return out;
}

/** The same tar without what the file excludes. Folders that are excluded but hold something that is not are kept. */
export function filtered(source: Readable, ignore: DockerIgnore): Readable {
  const output = pack();
  const input = extract();
  pipeline(source, input, (error) => {
    if (error) output.destroy(error);
  });
  output.on('close', () => source.destroy());
  copy(input, output, ignore).catch((error: Error) => output.destroy(error));
  return output as unknown as Readable;
}

async function copy(
  input: ReturnType<typeof extract>,
  output: ReturnType<typeof pack>,
  ignore: DockerIgnore,
): Promise<void> {
  const folders = new Map<string, Header>();
  for await (const entry of input) {
    const header: Header = { ...entry.header, pax: null };
    const path = header.name.replace(/\/+$/, '');
    if (ignore.excludes(path)) {
      if (header.type === 'directory') folders.set(path, header);
      entry.resume();
      continue;
    }
    for (const parent of parents(path)) {
      const waiting = folders.get(parent);
      folders.delete(parent);
      if (waiting) output.entry(waiting);
    }
    await transfer(entry as unknown as Readable, output, header);
  }
  output.finalize();
}

/** `a/b/c` -> `a`, `a/b` */
function parents(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}

function transfer(entry: Readable, output: ReturnType<typeof pack>, header: Header): Promise<void> {
  return new Promise((resolve, reject) => {
    const sink = output.entry(header, (error) => (error ? reject(error) : resolve()));
    if (header.type === 'file')
      pipeline(entry, sink as unknown as NodeJS.WritableStream, (error) => error && reject(error));
    else entry.resume();
  });
}
