/** What the recogniser found, as data. The Dockerfile is made from this and nothing else. */

/** Path relative to the application's folder -> text; only files that are there. */
export type Files = Record<string, string>;

export interface Application {
  files: Files;
  /** Set when the folder is a member of a workspace: the root is the build context then. */
  workspace: { /** Folder below the root, POSIX. */ path: string; files: Files } | null;
}

/** What the user decided. */
export interface Wishes {
  buildCommand: string | null;
  startCommand: string | null;
  /** Line of the Procfile that starts it. */
  process: 'web' | 'worker' | 'cron';
}

export type PackageManager = 'npm' | 'pnpm' | 'yarn' | 'yarn-berry';

/** How a Node project becomes a folder with everything installed and built. */
export interface NodeBuild {
  major: number;
  manager: PackageManager;
  /** Version to install beside the image's own; null: what the image has. */
  managerVersion: string | null;
  lockfile: string | null;
  /** Files that the installation needs, copied before the rest so that its layer is reused; null: it needs all. */
  manifests: string[] | null;
  /** Folder of the application below the workspace's root; '' without a workspace. */
  workspace: string;
  /** Run as it is, by a shell; null: the script `build`, if there is one. */
  buildCommand: string | null;
  hasBuildScript: boolean;
  hasDevDependencies: boolean;
}

export type Recipe =
  | { kind: 'node'; name: string; build: NodeBuild; start: string[] }
  | { kind: 'node-static'; name: string; build: NodeBuild; output: string; singlePage: boolean }
  | { kind: 'static'; name: string; folder: string }
  | {
      kind: 'python';
      name: string;
      version: string;
      install: 'requirements' | 'poetry' | 'uv' | 'pipenv' | 'project' | 'none';
      manifests: string[] | null;
      buildCommand: string | null;
      start: string[];
    }
  | { kind: 'go'; name: string; version: string; hasSum: boolean; target: string; start: string[] | null }
  | {
      kind: 'php';
      name: string;
      version: string;
      composer: boolean;
      publicFolder: string;
      buildCommand: string | null;
    };

/** Why nothing could be made of it; `lookedFor` in the order of looking. */
export interface NotRecognised {
  kind: 'not-recognised';
  /** Set when a language was found, and what is missing for it. */
  reason: string | null;
  lookedFor: string[];
}

export function notRecognised(reason: string | null, lookedFor: string[]): NotRecognised {
  return { kind: 'not-recognised', reason, lookedFor };
}

/** A shell runs it; `exec` would break commands of several parts. */
export function shell(command: string): string[] {
  return ['/bin/sh', '-c', command];
}

/** The line of a Procfile for this kind of process; a worker's is `worker`, a job has no line of its own. */
export function procfileLine(files: Files, process: Wishes['process']): string | null {
  const wanted = process === 'cron' ? 'cron' : process;
  const line = (files.Procfile ?? '').split(/\r?\n/).find((each) => each.startsWith(`${wanted}:`));
  return line?.slice(wanted.length + 1).trim() || null;
}
