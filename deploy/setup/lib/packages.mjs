// npm packages and the compiled platform: made when missing or out of date, by one process at a time.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePrivateDir } from './files.mjs';
import { exclusively } from './lock.mjs';
import { SetupError, say } from './log.mjs';
import { run } from './run.mjs';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const MINIMUM_NODE = [20, 19];

/** @throws SetupError on a Node that is too old for the platform */
export function requireNode(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  if (major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])) return;
  throw new SetupError(
    `Containr needs Node ${MINIMUM_NODE.join('.')} or newer, this is ${version}. See https://nodejs.org`,
  );
}

const modified = (file) => (existsSync(file) ? statSync(file).mtimeMs : null);

/** True when node_modules is absent or older than the lock file. */
export function packagesAreStale(root = ROOT) {
  const installed = modified(path.join(root, 'node_modules/.package-lock.json'));
  return installed === null || installed < modified(path.join(root, 'package-lock.json'));
}

// Beside the default data folder: it is ignored by git, and node_modules itself is removed by `npm ci`.
const setupLock = () => path.join(ensurePrivateDir(path.join(ROOT, '.containr')), 'setup.lock');

async function npm(args, what, env = process.env) {
  const { code } = await run('npm', args, { cwd: ROOT, inherit: true, env });
  if (code !== 0) throw new SetupError(`${what} failed (npm ${args.join(' ')}, exit code ${code})`);
}

export async function ensurePackages() {
  requireNode();
  if (!packagesAreStale()) return;
  await exclusively(setupLock(), async () => {
    if (!packagesAreStale()) return;
    say('Installing npm packages ...');
    // The build needs the development packages too, whatever NODE_ENV says.
    await npm(
      ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error', '--no-update-notifier'],
      'Installing the npm packages',
    );
  });
}

// Everything that decides what the compiler makes.
const SOURCES = [
  'apps',
  'libs',
  'prisma',
  'package.json',
  'package-lock.json',
  'nest-cli.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'prisma.config.ts',
];
const GENERATED = new Set(['generated', 'node_modules', 'dist']);

function* filesUnder(file) {
  if (!existsSync(file)) return;
  if (!statSync(file).isDirectory()) {
    yield file;
    return;
  }
  for (const name of readdirSync(file).sort()) if (!GENERATED.has(name)) yield* filesUnder(path.join(file, name));
}

/** A hash over names and contents: a checkout gives every file a new date, so dates say nothing. */
export function sourceHash(root = ROOT, sources = SOURCES) {
  const hash = createHash('sha256');
  for (const source of sources)
    for (const file of filesUnder(path.join(root, source)))
      hash.update(`${path.relative(root, file)}\0`).update(createHash('sha256').update(readFileSync(file)).digest());
  return hash.digest('hex');
}

const stamp = (root) => path.join(root, 'dist/.containr-sources');
const builtFrom = (root) => (existsSync(stamp(root)) ? readFileSync(stamp(root), 'utf8') : null);

/** Compiles the platform when what is in dist/ was made from other sources. */
export async function ensureBuild() {
  if (builtFrom(ROOT) === sourceHash()) return;
  await exclusively(setupLock(), async () => {
    const hash = sourceHash();
    if (builtFrom(ROOT) === hash) return;
    say('Building ...');
    await npm(['run', '--silent', 'build'], 'The build');
    writeFileSync(stamp(ROOT), hash);
  });
}

/** Generates the database client, which everything that touches the database imports; the build does it too. */
export const ensureGenerated = () =>
  exclusively(setupLock(), () => npm(['run', '--silent', 'db:generate'], 'Generating the database client'));
