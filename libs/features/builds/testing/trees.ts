/** Sources in memory, for tests. */
import path from 'node:path/posix';
import { contextOf } from '#drivers/builder/testing/base-image.js';
import type { BuildWish } from '../build-choice.js';
import type { SourceTree } from '../source-tree.js';

/** Files by their path from the root. */
export function fileTree(files: Record<string, string>): SourceTree {
  return {
    read: async (folder, names) =>
      Object.fromEntries(
        names.flatMap((name) => {
          const text = files[path.join(folder, name)];
          return text === undefined ? [] : [[name, text]];
        }),
      ),
    context: async () => contextOf(files),
    key: async (folder) => `tree of ${folder}`,
  };
}

export function wish(change: Partial<BuildWish> = {}): BuildWish {
  return {
    type: null,
    rootDirectory: '',
    dockerfile: null,
    buildCommand: null,
    startCommand: null,
    process: 'web',
    offered: {},
    variables: {},
    scope: 'test',
    ca: false,
    bakeStart: false,
    ...change,
  };
}
