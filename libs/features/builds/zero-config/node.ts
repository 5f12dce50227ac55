/** Node: which package manager, which version, what is built, and whether a server or a folder of files comes out of it. Pure. */
import { DEFAULT_NODE, nodeMajor } from './node-version.js';
import {
  type Application,
  type Files,
  type NodeBuild,
  type NotRecognised,
  notRecognised,
  type PackageManager,
  procfileLine,
  type Recipe,
  shell,
  type Wishes,
} from './recipe.js';

interface Manifest {
  name?: string;
  main?: string;
  packageManager?: string;
  engines?: { node?: string };
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  workspaces?: unknown;
}

export const LOCKFILES: Record<string, PackageManager> = {
  'package-lock.json': 'npm',
  'npm-shrinkwrap.json': 'npm',
  'pnpm-lock.yaml': 'pnpm',
  'yarn.lock': 'yarn',
};
const CONFIGS = ['.npmrc', '.yarnrc', '.yarnrc.yml'];
const MAINS = ['server.js', 'server.mjs', 'index.js', 'index.mjs', 'app.js', 'main.js'];
const CONFIG_OF: Record<string, string[]> = {
  vite: ['vite.config.ts', 'vite.config.js', 'vite.config.mjs'],
  next: ['next.config.js', 'next.config.mjs', 'next.config.ts'],
  astro: ['astro.config.mjs', 'astro.config.js', 'astro.config.ts'],
};
export const NODE_FILES = [
  'package.json',
  ...Object.keys(LOCKFILES),
  'pnpm-workspace.yaml',
  ...CONFIGS,
  '.nvmrc',
  '.node-version',
  ...MAINS,
  ...Object.values(CONFIG_OF).flat(),
];

/** A tool whose build is a folder of files: dependency, folder, whether its pages are one. */
const SITES: [dependency: string, output: string, singlePage: boolean][] = [
  ['react-scripts', 'build', true],
  ['@vue/cli-service', 'dist', true],
  ['@docusaurus/core', 'build', false],
  ['gatsby', 'public', false],
  ['@11ty/eleventy', '_site', false],
  ['hexo', 'public', false],
  ['astro', 'dist', false],
  ['vite', 'dist', true],
  ['parcel', 'dist', true],
  ['webpack-cli', 'dist', true],
];
/** They use Vite too, and what they build is a server. */
const SERVERS =
  /^(@sveltejs\/adapter-(node|auto)|@remix-run\/(node|serve|express)|@react-router\/(node|serve)|nuxt|@tanstack\/(react-)?start|@solidjs\/start|@analogjs\/platform|@astrojs\/node|express|fastify|koa|@nestjs\/core|hono|@hono\/node-server)$/;
/** Start scripts that serve a site while it is written; nobody means them in production. */
const DEVELOPMENT =
  /^(npx )?(vite( preview| dev| serve)?|react-scripts start|ng serve|vue-cli-service serve|astro (dev|preview)|gatsby (develop|serve)|parcel|webpack(-dev-server| serve)|eleventy --serve|nodemon|ts-node-dev|tsx watch|nest start|next dev|nuxt dev)(?= |$)/;

export function recogniseNode(app: Application, wishes: Wishes): Recipe | NotRecognised | null {
  const { files } = app;
  if (files['package.json'] === undefined) return null;
  const manifest = manifestOf(files['package.json']);
  if (!manifest) return notRecognised('package.json is not valid JSON', ['package.json']);
  const build = buildOf(app, manifest, wishes);
  if ('kind' in build) return build;
  const site = wishes.startCommand || procfileLine(files, wishes.process) ? null : siteOf(files, manifest, wishes);
  if (site) return { kind: 'node-static', name: named(build, site.tool), build, ...site };
  const start = startOf(files, manifest, wishes);
  if (!start) {
    return notRecognised('package.json has no "start" script and no "main", and no Procfile has a web line', [
      'scripts.start',
      'main',
      'Procfile',
      ...MAINS,
    ]);
  }
  return { kind: 'node', name: named(build, 'next' in dependenciesOf(manifest) ? 'Next.js' : null), build, start };
}

const named = (build: NodeBuild, tool: string | null): string =>
  `Node.js ${build.major} with ${build.manager}${build.workspace ? ` (workspace, ${build.workspace})` : ''}${tool ? `, ${tool}` : ''}`;

export function manifestOf(text: string): Manifest | null {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Manifest) : null;
  } catch {
    return null; // Said to the user by whoever asked.
  }
}

const dependenciesOf = ({ dependencies, devDependencies }: Manifest): Record<string, string> => ({
  ...devDependencies,
  ...dependencies,
});

function buildOf({ files, workspace }: Application, manifest: Manifest, wishes: Wishes): NodeBuild | NotRecognised {
  const root = workspace?.files ?? files;
  const rootManifest = manifestOf(root['package.json'] ?? '{}') ?? {};
  const range = manifest.engines?.node ?? files['.nvmrc'] ?? files['.node-version'] ?? rootManifest.engines?.node;
  const major = range ? nodeMajor(range) : DEFAULT_NODE;
  if (major === null) return notRecognised(`no Node.js image fits engines.node "${range}"`, ['engines.node', '.nvmrc']);
  const lockfile = Object.keys(LOCKFILES).find((name) => root[name] !== undefined) ?? null;
  const asked = manifest.packageManager ?? rootManifest.packageManager ?? '';
  const manager = managerOf(root, lockfile, asked);
  const workspacePath = workspace?.path ?? '';
  return {
    major,
    manager,
    managerVersion: managerVersion(manager, asked, root[lockfile ?? ''] ?? ''),
    lockfile,
    manifests: needsSources(manifest, workspacePath, manager)
      ? null
      : ['package.json', ...(lockfile ? [lockfile] : []), ...CONFIGS.filter((name) => root[name] !== undefined)],
    workspace: workspacePath,
    buildCommand: wishes.buildCommand,
    hasBuildScript: manifest.scripts?.build !== undefined,
    hasDevDependencies: Object.keys(manifest.devDependencies ?? {}).length > 0,
  };
}

function managerOf(root: Files, lockfile: string | null, asked: string): PackageManager {
  const name = asked.split('@')[0];
  if (name === 'yarn' || (lockfile && LOCKFILES[lockfile] === 'yarn')) {
    return root['.yarnrc.yml'] !== undefined || /^yarn@([2-9]|\d\d)/.test(asked) ? 'yarn-berry' : 'yarn';
  }
  if (lockfile) return LOCKFILES[lockfile] as PackageManager;
  return name === 'pnpm' || root['pnpm-workspace.yaml'] !== undefined ? 'pnpm' : 'npm';
}

/** Versions that write each lockfile format: pnpm.io/installation#compatibility and the changelog of pnpm 7 to 10. */
function managerVersion(manager: PackageManager, asked: string, lockfile: string): string | null {
  if (manager !== 'pnpm') return null;
  const exact = /^pnpm@(\d+\.\d+\.\d+)/.exec(asked)?.[1];
  if (exact) return exact;
  const format = /^lockfileVersion:\s*'?(\d+)/m.exec(lockfile)?.[1];
  return format === '5' ? '7' : format === '6' ? '8' : '9';
}

/** Dependencies on folders of the repository and scripts that run during the installation need the sources. */
function needsSources(manifest: Manifest, workspace: string, manager: PackageManager): boolean {
  const local = Object.values(dependenciesOf(manifest)).some((version) =>
    /^(file|link|portal|workspace):/.test(version),
  );
  const hooks = ['preinstall', 'install', 'postinstall', 'prepare'].some((name) => manifest.scripts?.[name]);
  return Boolean(workspace || manifest.workspaces || local || hooks || manager === 'yarn-berry');
}

function siteOf(files: Files, manifest: Manifest, wishes: Wishes) {
  const dependencies = dependenciesOf(manifest);
  const start = manifest.scripts?.start;
  if (!manifest.scripts?.build && !wishes.buildCommand) return null;
  if ('next' in dependencies)
    return exported(files) ? { tool: 'Next.js export', output: 'out', singlePage: false } : null;
  if (start && !DEVELOPMENT.test(start)) return null;
  if (Object.keys(dependencies).some((name) => SERVERS.test(name))) return null;
  if ('@angular/core' in dependencies) return { tool: 'Angular', output: 'dist', singlePage: true };
  const [tool, output, singlePage] = SITES.find(([dependency]) => dependency in dependencies) ?? [];
  if (!tool || !output) return null;
  return { tool, output: outputOf(files, tool) ?? output, singlePage: singlePage ?? false };
}

const configOf = (files: Files, tool: string): string =>
  CONFIG_OF[tool]?.map((name) => files[name] ?? '').join('\n') ?? '';

const exported = (files: Files): boolean => /output\s*:\s*['"`]export['"`]/.test(configOf(files, 'next'));

/** `outDir: 'build'` of vite.config and astro.config; only a plain relative folder. */
function outputOf(files: Files, tool: string): string | null {
  const found = /outDir\s*:\s*['"`](?:\.\/)?([\w][\w./-]*?)\/?['"`]/.exec(configOf(files, tool))?.[1];
  return found && !found.split('/').includes('..') ? found : null;
}

function startOf(files: Files, manifest: Manifest, wishes: Wishes): string[] | null {
  const given = wishes.startCommand ?? procfileLine(files, wishes.process);
  if (given) return shell(given);
  const { scripts = {}, main } = manifest;
  const name = scripts['start:prod'] && (!scripts.start || DEVELOPMENT.test(scripts.start)) ? 'start:prod' : 'start';
  const script = scripts[name];
  if (script) return direct(script, name, scripts) ?? ['npm', 'run', name];
  const dependencies = dependenciesOf(manifest);
  if ('nuxt' in dependencies) return ['node', '.output/server/index.mjs'];
  if ('next' in dependencies) return ['next', 'start'];
  if ('@sveltejs/adapter-node' in dependencies) return ['node', 'build'];
  const file = main ?? MAINS.find((each) => files[each] !== undefined);
  return file ? ['node', file] : null;
}

/** A plain command is started without npm between it and the signals. */
function direct(script: string, name: string, scripts: Record<string, string>): string[] | null {
  if (scripts[`pre${name}`] || scripts[`post${name}`]) return null;
  const words = script.trim().split(/\s+/);
  return words.every((word) => /^[\w@./:,+-]+$/.test(word)) ? words : null;
}
