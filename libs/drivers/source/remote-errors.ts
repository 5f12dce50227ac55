/** git's words about a remote (in the C locale) -> the errors of the port. Texts of git 2.30 to 2.50. */
import { type AppError, Capacity, Invalid, Unavailable } from '#platform/errors.js';
import { shown } from './names.js';

const AUTH =
  /Authentication failed|could not read (Username|Password)|terminal prompts disabled|error: 40[13]\b|HTTP 40[13]\b/i;
const ABSENT = /repository '.*' not found|error: 404\b|error: 410\b/i;
const NOT_GIT =
  /not valid: is this a git repository|invalid (index-pack|server) |unexpected line in|protocol error|bad line length/i;
const TLS = /SSL|certificate|gnutls|TLS/i;

/** The remote answered with a redirect, which git is told not to follow. */
export const isRedirect = (text: string): boolean =>
  /error: 30[12378]\b|unable to update url base from redirection/i.test(text);

/** The remote has no such branch (or no HEAD). */
export const isMissingRef = (text: string): boolean => /couldn't find remote ref/i.test(text);

/** The remote knows the way we asked for the commit, and has none of that id. */
export const isMissingCommit = (text: string): boolean =>
  /not our ref|no such remote ref|couldn't find remote ref/i.test(text);

/** An old or dumb server: one that gives no single commit, or no shallow history. */
export const isTooSimple = (text: string): boolean =>
  /does not allow request for unadvertised object|dumb http transport does not support|does not support shallow|does not support --depth/i.test(
    text,
  );

/** A lock file that a killed git may have left. */
export const isLocked = (text: string): boolean =>
  /Unable to create '.*\.lock'|cannot lock ref|File exists/i.test(text);

/** @param host for the message; the full URL stays out of it: a path may be private. */
export function remoteError(text: string, host: string, withCredentials: boolean): AppError {
  const cause = new Error(text);
  if (/no space left on device/i.test(text)) {
    return new Capacity('disk_full', 'The disk of the platform is full: free some space, then deploy again.', {
      cause,
    });
  }
  if (AUTH.test(text)) {
    const advice = withCredentials
      ? 'Check that the token of the git provider is valid and may read this repository.'
      : 'If it is private, connect a git provider or token that may read it; if it is public, check the URL.';
    return new Invalid('repository_auth_required', `${host} wants a login for this repository. ${advice}`, { cause });
  }
  if (ABSENT.test(text)) {
    const advice = 'Check the URL; some servers also say this for a private repository without a login.';
    return new Invalid('repository_not_found', `${host} has no repository at this URL. ${advice}`, { cause });
  }
  if (NOT_GIT.test(text)) {
    return new Invalid(
      'repository_unreachable',
      `What ${host} serves at this URL is not a git repository: check the URL.`,
      { cause },
    );
  }
  if (TLS.test(text) && !/timed? ?out|reset/i.test(text)) {
    return new Invalid(
      'repository_unreachable',
      `The TLS certificate of ${host} is not valid for it: ${reason(text)}`,
      { cause },
    );
  }
  return new Unavailable('repository_unreachable', `${host} cannot be reached: ${reason(text)}`, { cause });
}

/** The last "fatal:" line without its URL. */
function reason(text: string): string {
  const line =
    text
      .split('\n')
      .filter((each) => /^(fatal|error):/.test(each))
      .at(-1) ?? text.trim();
  return line
    .replace(/^(fatal|error): /, '')
    .replace(/^unable to access '[^']*': /, '')
    .slice(0, 300);
}

const LISTED = 10;

export function branchNotFound(branch: string | null, existing: string[]): AppError {
  if (existing.length === 0) {
    return new Invalid('repository_empty', 'The repository has no commits yet: push one, then deploy again.');
  }
  const more = existing.length > LISTED ? `, and ${existing.length - LISTED} more` : '';
  const list = existing.slice(0, LISTED).map(shown).join(', ');
  const what =
    branch === null ? 'The repository has no default branch.' : `The repository has no branch "${shown(branch)}".`;
  return new Invalid('branch_not_found', `${what} It has: ${list}${more}.`, {
    details: { branches: existing.slice(0, LISTED) },
  });
}

export function commitNotFound(commit: string, branch: string | null): AppError {
  const where =
    branch === null ? 'in the repository' : `on branch "${shown(branch)}" or anywhere the server lets us look`;
  return new Invalid(
    'commit_not_found',
    `There is no commit ${commit} ${where}: check the id, and that it has been pushed.`,
  );
}
