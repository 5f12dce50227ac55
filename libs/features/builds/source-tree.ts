/** The files that a build is made from, wherever they are: a commit in a repository here, or a folder of this machine. */
import path from 'node:path/posix';
import type { Readable } from 'node:stream';
import { folderContext, readBelow } from '#drivers/source/folder.js';
import type { SourceStore } from '#drivers/source/port.js';
import { LOCKFILES, manifestOf } from './zero-config/node.js';
import type { Application, Files } from './zero-config/recipe.js';
import { FILES_READ } from './zero-config/recognise.js';

/** Paths are POSIX and relative to the root of the source. */
export interface SourceTree {
  read(folder: string, names: string[]): Promise<Files>;
  /** Tar of the folder, `.dockerignore` applied. */
  context(folder: string, dockerfile: string, signal: AbortSignal): Promise<Readable>;
  /** Equal keys mean equal files; null when that is not known: nothing is found again then. */
  key(folder: string): Promise<string | null>;
}

export function commitTree(source: SourceStore, repository: string, commit: string): SourceTree {
  return {
    read: (folder, names) => source.readFiles(repository, commit, folder, names),
    context: (folder, dockerfile, signal) =>
      source.context({ repository, commit, rootDirectory: folder, dockerfile }, signal),
    key: (folder) => source.treeId(repository, commit, folder),
  };
}

/** @param root absolute and real: requireFolder() of the source driver */
export function folderTree(root: string): SourceTree {
  return {
    read: async (folder, names) => {
      const files: Files = {};
      for (const name of names) {
        const text = await readBelow(path.join(root, folder), name);
        if (text !== null) files[name] = text;
      }
      return files;
    },
    context: (folder, dockerfile, signal) => folderContext(path.join(root, folder), dockerfile, signal),
    key: async () => null,
  };
}

/** What the recogniser looks at; `root` is the build context's folder: above the application's for a member of a workspace. */
export async function readApplication(tree: SourceTree, folder: string): Promise<{ app: Application; root: string }> {
  const files = await tree.read(folder, FILES_READ);
  const workspace = await workspaceOf(tree, folder, files);
  if (!workspace) return { app: { files, workspace: null }, root: folder };
  const { root, files: rootFiles } = workspace;
  const below = path.relative(root, folder);
  return { app: { files, workspace: { path: below, files: rootFiles } }, root };
}

/** The nearest folder above with a lockfile and a workspace: what pnpm, npm and yarn install from. */
async function workspaceOf(tree: SourceTree, folder: string, files: Files) {
  const own = Object.keys(LOCKFILES).some((name) => files[name] !== undefined);
  // Names of folders go into commands of the generated Dockerfile.
  if (folder === '' || own || files['package.json'] === undefined || !/^[\w@./-]+$/.test(folder)) return null;
  for (let at = folder; at !== ''; ) {
    at = path.dirname(at) === '.' ? '' : path.dirname(at);
    const above = await tree.read(at, FILES_READ);
    const workspaces = manifestOf(above['package.json'] ?? '{}')?.workspaces;
    if (above['pnpm-workspace.yaml'] !== undefined || workspaces) return { root: at, files: above };
  }
  return null;
}
