/** Generated files beside a build context: put in front of its tar, without touching what is in it. */
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { pack } from 'tar-stream';

/** An archive ends with two empty blocks of 512 bytes (pax(1), ustar); nothing after them is read. */
const END_BYTES = 1024;

/** The beginning of a tar: these files (path -> text), without the archive's end. */
export async function tarOf(files: Record<string, string>): Promise<Buffer> {
  const archive = pack();
  for (const [name, text] of Object.entries(files)) archive.entry({ name, mode: 0o644, mtime: new Date(0) }, text);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  const whole = Buffer.concat(chunks);
  return whole.subarray(0, whole.length - END_BYTES);
}

/** The context with `front` before it. `context` is consumed; destroying either destroys both. */
export function inFront(front: Buffer, context: Readable): Readable {
  const out = new PassThrough();
  out.write(front);
  // An error of the context reaches whoever reads `out`: pipeline destroys it with that error.
  pipeline(context, out, () => undefined);
  return out;
}
