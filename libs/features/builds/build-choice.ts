/** How an image is made of a source: with its own Dockerfile, by a program that is installed here, or by a generated Dockerfile. */
import { createHash } from 'node:crypto';
import path from 'node:path/posix';
import { declaredArgs } from '#drivers/builder/dockerfile-args.js';
import { Invalid } from '#platform/errors.js';
import { readApplication, type SourceTree } from './source-tree.js';
import {
  CA_SECRET,
  GENERATED,
  GENERATED_DOCKERFILE,
  GENERATOR_VERSION,
  generatedFiles,
} from './zero-config/dockerfile.js';
import type { NotRecognised, Wishes } from './zero-config/recipe.js';
import { recognise } from './zero-config/recognise.js';

export type BuildType = 'dockerfile' | 'railpack' | 'nixpacks' | 'detected';

export interface BuildWish extends Wishes {
  /** Null: a Dockerfile when there is one, else whatever recognises the source. */
  type: BuildType | null;
  rootDirectory: string;
  /** Chosen by the user, relative to rootDirectory; null: `Dockerfile`, if there is one. */
  dockerfile: string | null;
  /** Handed to a Dockerfile that declares them. */
  offered: Record<string, string>;
  /** Meant for the build: declared in a generated Dockerfile. */
  variables: Record<string, string>;
  /** Names its caches. */
  scope: string;
  /** True when the operator has given additional certificate authorities. */
  ca: boolean;
  /** True: the start command becomes the image's; false: whoever starts a container brings it. */
  bakeStart: boolean;
}

export interface ChosenBuild {
  type: BuildType;
  /** What was recognised, for people. */
  name: string;
  /** Folder that is the build context. */
  root: string;
  /** Path of the Dockerfile in the context. */
  dockerfile: string;
  /** Generated files that are put beside the context. */
  files: Record<string, string>;
  buildArgs: Record<string, string>;
  /** Ids of build secrets that the Dockerfile may ask for beyond the variables. */
  usesCa: boolean;
  /** Key under which the image is found again; null: it cannot be known whether it is the same. */
  key: string | null;
  /** For the log. */
  notes: string[];
}

/** Programs that are installed here. */
export interface InstalledBuilders {
  railpack: boolean;
  nixpacks: boolean;
}

export type Choice = { kind: 'ready'; build: ChosenBuild } | { kind: 'program'; type: 'railpack' | 'nixpacks' };

/**
 * @throws Invalid `dockerfile_not_found`, `builder_not_installed`, `source_not_recognised` (says what was looked for), and what the source
 * throws for a root_directory that is not there
 */
export async function chooseBuild(tree: SourceTree, wish: BuildWish, installed: InstalledBuilders): Promise<Choice> {
  const name = wish.dockerfile ?? 'Dockerfile';
  if (wish.type === 'dockerfile' || wish.dockerfile || wish.type === null) {
    const text = (await tree.read(wish.rootDirectory, [name]))[name];
    if (text !== undefined) return { kind: 'ready', build: await fromDockerfile(tree, wish, name, text) };
    if (wish.type === 'dockerfile' || wish.dockerfile) throw noDockerfile(path.join(wish.rootDirectory, name));
  }
  const program = programFor(wish.type, installed);
  return program ? { kind: 'program', type: program } : { kind: 'ready', build: await fromRecipe(tree, wish) };
}

function programFor(type: BuildType | null, installed: InstalledBuilders): 'railpack' | 'nixpacks' | null {
  if (type === 'railpack' || type === 'nixpacks') {
    if (installed[type]) return type;
    throw new Invalid(
      'builder_not_installed',
      `The program ${type} is not installed on the build host: ask the operator to install it (${HOME[type]}), or leave build_type out to have the source recognised without it.`,
    );
  }
  if (type === 'detected') return null;
  return installed.railpack ? 'railpack' : installed.nixpacks ? 'nixpacks' : null;
}

const HOME = { railpack: 'https://railpack.com/installation', nixpacks: 'https://nixpacks.com/docs/install' };

async function fromDockerfile(
  tree: SourceTree,
  wish: BuildWish,
  dockerfile: string,
  text: string,
): Promise<ChosenBuild> {
  const buildArgs = pick({ ...wish.offered, ...wish.variables }, declaredArgs(text));
  const notes = wish.buildCommand ? ['The build command is not used: the Dockerfile says how this is built.'] : [];
  const common = { type: 'dockerfile' as const, name: dockerfile, root: wish.rootDirectory, buildArgs, notes };
  const start = wish.bakeStart && wish.startCommand;
  const files: Record<string, string> = start ? { [GENERATED_DOCKERFILE]: withStart(text, start) } : {};
  const key = await tree.key(wish.rootDirectory);
  return {
    ...common,
    dockerfile: start ? GENERATED_DOCKERFILE : dockerfile,
    files,
    usesCa: false,
    key: key && keyOf([key, dockerfile, sorted(buildArgs), ...(start ? [start] : [])]),
  };
}

/** The last stage with another command. */
const withStart = (text: string, command: string): string =>
  `${text.trimEnd()}\nENTRYPOINT []\nCMD ${JSON.stringify(['/bin/sh', '-c', command])}\n`;

async function fromRecipe(tree: SourceTree, wish: BuildWish): Promise<ChosenBuild> {
  const { app, root } = await readApplication(tree, wish.rootDirectory);
  const recipe = recognise(app, wish);
  if (recipe.kind === 'not-recognised') throw unrecognised(recipe, wish.rootDirectory);
  const variables = Object.keys(wish.variables).sort();
  const files = generatedFiles(recipe, { scope: wish.scope, variables, ca: wish.ca });
  const key = await tree.key(root);
  return {
    type: 'detected',
    name: recipe.name,
    root,
    dockerfile: GENERATED_DOCKERFILE,
    files,
    buildArgs: wish.variables,
    usesCa: wish.ca,
    key: key && keyOf([key, `generated ${GENERATOR_VERSION}`, files, sorted(wish.variables)]),
    notes: [`No Dockerfile${wish.rootDirectory ? ` in ${wish.rootDirectory}` : ''}: recognised as ${recipe.name}.`],
  };
}

function unrecognised({ reason, lookedFor }: NotRecognised, folder: string): Invalid {
  const where = folder ? `in ${folder}` : 'in the root of the source';
  const message = reason
    ? `The source cannot be built ${where}: ${reason}. Looked for: ${lookedFor.join('; ')}.`
    : `Nothing that can be built was recognised ${where}. Looked for: ${lookedFor.join('; ')}. Add a Dockerfile, or set root_directory to the application's folder.`;
  return new Invalid('source_not_recognised', message, { details: { looked_for: lookedFor } });
}

function noDockerfile(where: string): Invalid {
  return new Invalid(
    'dockerfile_not_found',
    `There is no ${where} in this commit: add one, or set the service's root_directory or dockerfile.`,
  );
}

export function pick(values: Record<string, string>, names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])));
}

const sorted = (values: Record<string, string>): [string, string][] =>
  Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));

/** Equal keys mean that building again would make the same image. */
export function keyOf(parts: unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

export { CA_SECRET, GENERATED };
