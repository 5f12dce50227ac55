// Base images under their Docker Hub names, so that ordinary Dockerfiles work where no registry can be reached.
//   node deploy/images/build.mjs [--rebuild] [NAME...]      (no name: all of them)
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ensureCommands } from '../setup/lib/apt.mjs';
import { Engine } from '../setup/lib/engine.mjs';
import { runMain, SetupError, say } from '../setup/lib/log.mjs';
import { importRoot, makeDebianRoot } from './debian.mjs';
import { prepareNode } from './node.mjs';
import { pull } from './pull.mjs';
import { ARCHITECTURES, buildOrder, RECIPES } from './recipes.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const LABEL = 'containr.base-image';

async function withTemporaryDir(use) {
  // Not the system's /tmp when TMPDIR says otherwise: a root file system needs 400 MB and must not be on a noexec mount.
  const dir = mkdtempSync(path.join(os.tmpdir(), 'containr-image-'));
  try {
    return await use(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The classic builder: it needs no session and is in every engine; nothing here uses what only BuildKit has. */
async function buildFolder(engine, name, context, buildArgs, onLine) {
  const tar = spawn('tar', ['-C', context, '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const params = {
    t: name,
    rm: 'true',
    forcerm: 'true',
    buildargs: JSON.stringify(buildArgs),
    labels: JSON.stringify({ [LABEL]: name }),
  };
  const onEvent = (event) => event.stream?.trim() && onLine(event.stream.trim());
  await engine.stream('POST', '/build', { params, body: tar.stdout, onEvent, timeout: 0 });
}

async function buildDebian(engine, name, arch) {
  await ensureCommands(['debootstrap']);
  if (process.getuid() !== 0)
    throw new SetupError(`${name} can only be made as root (debootstrap). Load it yourself: docker pull ${name}`);
  await withTemporaryDir(async (root) => {
    await makeDebianRoot(root, ARCHITECTURES[arch].debian);
    await importRoot(engine, root, `${LABEL}=${name}`);
  });
}

async function buildFromDockerfile(engine, name, arch, onLine) {
  const { folder } = RECIPES[name];
  await withTemporaryDir(async (context) => {
    cpSync(path.join(here, folder), context, { recursive: true });
    const buildArgs = folder === 'node' ? await prepareNode(context, arch) : {};
    await buildFolder(engine, name, context, buildArgs, onLine);
  });
}

/** The engine's architecture. @throws SetupError when it is not this machine's: debootstrap cannot run foreign programs. */
async function architecture(engine) {
  const { Arch: arch } = await engine.call('GET', '/version');
  const own = { x64: 'amd64', arm64: 'arm64' }[process.arch];
  if (ARCHITECTURES[arch] && arch === own) return arch;
  throw new SetupError(
    `Base images can be made for this machine's architecture (${own}) only, the Docker Engine is ${arch}.`,
  );
}

async function build(engine, name, onLine) {
  const arch = await architecture(engine);
  if (RECIPES[name].folder) await buildFromDockerfile(engine, name, arch, onLine);
  else await buildDebian(engine, name, arch);
}

/** Builds; the image that had the name before goes unless a container or another image still stands on it (409). */
async function replace(engine, name, make) {
  const before = await engine.call('GET', `/images/${name}/json`);
  await make();
  const after = await engine.call('GET', `/images/${name}/json`);
  if (!before || before.Id === after.Id) return;
  const answer = await engine.open('DELETE', `/images/${before.Id}`);
  answer.resume();
}

const presentOf = async (engine, names) => {
  const there = await Promise.all(names.map((name) => engine.call('GET', `/images/${name}/json`)));
  return new Set(names.filter((_, i) => there[i] !== null));
};

/** Pulls what a registry gives. @returns {Promise<string[]>} the names that must be made here */
async function pullMissing(engine, missing, log) {
  for (const [index, name] of missing.entries()) {
    const refusal = await pull(engine, name);
    if (refusal === null) log(`${name}: pulled`);
    else {
      log(`${name}: no registry answers (${refusal})`);
      return missing.slice(index);
    }
  }
  return [];
}

/**
 * Makes base images present: kept when there, else pulled, else built from Debian packages.
 * @param {string[]} names keys of RECIPES
 * @param {{ engine?: Engine, rebuild?: boolean, log?: (line: string) => void, verbose?: (line: string) => void }} [options]
 */
export async function ensureImages(names, options = {}) {
  const { engine = new Engine(), rebuild = false, log = say, verbose = () => {} } = options;
  const unknown = names.filter((name) => !(name in RECIPES));
  if (unknown.length)
    throw new SetupError(`No recipe for ${unknown.join(', ')}. Known: ${Object.keys(RECIPES).join(', ')}`);
  const present = await presentOf(engine, Object.keys(RECIPES));
  if (rebuild) for (const name of names) present.delete(name);
  const missing = names.filter((name) => !present.has(name));
  const toBuild = rebuild ? missing : await pullMissing(engine, missing, log);
  for (const name of buildOrder(toBuild, present)) {
    const started = performance.now();
    log(`${name}: building from Debian packages ...`);
    await replace(engine, name, () => build(engine, name, verbose));
    log(`${name}: built in ${Math.round((performance.now() - started) / 1000)} s`);
  }
  for (const name of names) await nameAlso(engine, name);
}

/** The shorter name, unless another image has it. */
async function nameAlso(engine, name) {
  const { alias } = RECIPES[name];
  const other = alias && (await engine.call('GET', `/images/${alias}/json`));
  if (!alias || (other && other.Config?.Labels?.[LABEL] !== name)) return;
  const [repo, tag] = alias.split(':');
  await engine.call('POST', `/images/${name}/tag?repo=${repo}&tag=${tag}`);
}

async function main() {
  const args = process.argv.slice(2);
  const names = args.filter((arg) => !arg.startsWith('--'));
  await ensureImages(names.length ? names : Object.keys(RECIPES), {
    rebuild: args.includes('--rebuild'),
    verbose: say,
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await runMain(main);
