/**
 * Caddy's certificate store must survive SIGKILL. Seen on 2.6.2: killed while it wrote a certificate's metadata, it left a cut-off JSON file
 * and refused every further start ("decoding certificate metadata: unexpected end of JSON input"). What is cut off can be made anew:
 * certificates by the CA, a CA by Caddy (browsers that trusted the old root have to be told again).
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';

/** To be called before each start of a Caddy that has `storageDir` for itself, while it does not run. Returns what was removed. */
export async function repairStorage(storageDir: string): Promise<string[]> {
  const files = await readdir(storageDir, { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = files.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const broken = (await Promise.all(paths.map(async (file) => ((await isBroken(file)) ? [file] : [])))).flat();
  const doomed = broken.map((file) => groupOf(storageDir, file));
  // Locks of a process that is dead would delay the next one.
  await Promise.all(
    [...doomed, path.join(storageDir, 'locks')].map((entry) => rm(entry, { recursive: true, force: true })),
  );
  return [...new Set(doomed)].sort();
}

async function isBroken(file: string): Promise<boolean> {
  const extension = path.extname(file);
  if (extension === '.json') return !isJson(await readFile(file, 'utf8'));
  if (extension === '.crt' || extension === '.key')
    return !/-----END [A-Z ]+-----\s*$/.test(await readFile(file, 'utf8'));
  return false;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A certificate is a folder of key, certificate and metadata; a CA is a folder too. One without the other is of no use. */
function groupOf(storageDir: string, file: string): string {
  const [top] = path.relative(storageDir, file).split(path.sep);
  return top === 'certificates' || top === 'pki' ? path.dirname(file) : file;
}
