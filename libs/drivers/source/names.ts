/** What may be handed to git, checked at the edge so that nothing further in has to doubt a name. */
import { Invalid } from '#platform/errors.js';

/** Service ids: 36 characters of a UUID. */
const REPOSITORY = /^[0-9a-f-]{36}$/;
const FULL = /^[0-9a-f]{40}$/;
const SHORT = /^[0-9a-f]{7,39}$/;
const LONGEST_BRANCH = 255;

/** @throws Invalid `repository_invalid`: the name becomes a folder name. */
export function requireRepositoryName(name: string): string {
  if (!REPOSITORY.test(name))
    throw new Invalid('repository_invalid', 'The name of a repository must be the id of a service.');
  return name;
}

export const isFullCommit = (commit: string): boolean => FULL.test(commit);

/** Lower-case full or short commit id. @throws Invalid `commit_invalid` */
export function requireCommit(commit: string): string {
  const lower = commit.toLowerCase();
  if (FULL.test(lower) || SHORT.test(lower)) return lower;
  throw new Invalid(
    'commit_invalid',
    `"${shown(commit)}" is not a commit: give its id, 40 (at least 7) hexadecimal digits.`,
  );
}

/** For messages: user input, cut and without control characters. */
export const shown = (text: string): string =>
  [...text]
    .slice(0, 80)
    .join('')
    .replace(/\p{Cc}/gu, '?');

/**
 * The rules of git-check-ref-format(1) for `refs/heads/<branch>`, without a process.
 * @throws Invalid `branch_invalid`
 */
export function requireBranch(branch: string): string {
  if (isBranchName(branch)) return branch;
  throw new Invalid('branch_invalid', `"${shown(branch)}" cannot be the name of a git branch.`);
}

export function isBranchName(branch: string): boolean {
  if (branch === '' || branch === '@' || branch === 'HEAD' || branch.startsWith('-') || branch.length > LONGEST_BRANCH)
    return false;
  if (/[\p{Cc} ~^:?*[\\]|\.\.|@\{|\/\/|^\/|[/.]$/u.test(branch)) return false;
  return branch.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'));
}

/**
 * Folder inside the tree, '' for the root, as its segments.
 * @throws Invalid `root_directory_not_found` for absolute paths, `..`, empty segments and control characters.
 */
export function requireTreePath(path: string): string[] {
  const trimmed = path.replace(/^\.\//, '').replace(/(?<=.)\/$/, '');
  if (trimmed === '' || trimmed === '.') return [];
  const segments = trimmed.split('/');
  const broken = segments.some(
    (segment) => segment === '' || segment === '.' || segment === '..' || /\p{Cc}/u.test(segment),
  );
  if (!broken) return segments;
  const advice = 'it must be a folder relative to the top of the repository, like "apps/web", without "..".';
  throw new Invalid('root_directory_not_found', `"${shown(path)}" cannot be a root directory: ${advice}`);
}
