/**
 * The environment and settings every git process gets: no system or user configuration, no prompts, http and https only, and nothing of
 * the platform's own environment. Names: git(1), git-config(1).
 */
export const ALLOWED_VARIABLES = [
  'GIT_TERMINAL_PROMPT',
  'GIT_CONFIG_NOSYSTEM',
  'GIT_CONFIG_GLOBAL',
  'GIT_ALLOW_PROTOCOL',
  'GIT_ASKPASS',
  'GIT_NO_REPLACE_OBJECTS',
];

/** Names the repository in the environment of each process, so that orphans of a killed platform can be told from everything else. */
export const REPOSITORY_MARK = 'CONTAINR_GIT_REPOSITORY';
/** One call to git: what an abort has to end. */
export const CALL_MARK = 'CONTAINR_GIT_CALL';

/** A transfer slower than 1 byte/s for this long is given up, seconds: ends a hung git-remote-http that lost its parent, too. */
export const LOW_SPEED_SECONDS = 20;

export function gitEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ALLOW_PROTOCOL: 'http:https',
    // A pushed refs/replace/* must not make a commit id mean another tree.
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_ASKPASS: '',
    ...extra,
  };
}

/** What a remote call needs on top; not secret, so it may be in argv. */
export const REMOTE_CONFIG = [
  'protocol.version=2',
  'http.followRedirects=false',
  'http.lowSpeedLimit=1',
  `http.lowSpeedTime=${LOW_SPEED_SECONDS}`,
];
