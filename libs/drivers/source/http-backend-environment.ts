/** The CGI environment of `git http-backend` (RFC 3875, git-http-backend(1)). Nothing else is inherited. */
import type { IncomingHttpHeaders } from 'node:http';
import path from 'node:path';

export interface CgiRequest {
  repositoryPath: string;
  pathInfo: string;
  query: string;
  method: string;
  headers: IncomingHttpHeaders;
  user: string;
}

export interface HookEnvironment {
  hooksDir: string;
  socketPath: string;
  token: string;
}

/** Largest pack that a push may bring. */
const MAX_PACK_BYTES = 2 * 1024 ** 3;

/** Wins over the repository's own config file. */
function gitConfig(repositoryPath: string, hooksDir: string): [string, string][] {
  return [
    ['core.hooksPath', hooksDir],
    // Branches wait for the platform's verdict; tags and other refs do not.
    ['receive.procReceiveRefs', 'refs/heads'],
    // Only branches and tags can be pushed, e.g. no refs/replace.
    ['receive.hideRefs', 'refs'],
    ['receive.hideRefs', '!refs/heads'],
    ['receive.hideRefs', '!refs/tags'],
    ['receive.advertisePushOptions', 'false'],
    ['receive.maxInputSize', String(MAX_PACK_BYTES)],
    // Trees with `..` or `.git` in them never get in; flaws that old, harmless histories have are let through.
    ['receive.fsckObjects', 'true'],
    ['receive.fsck.zeroPaddedFilemode', 'ignore'],
    ['receive.fsck.missingSpaceBeforeDate', 'ignore'],
    ['receive.fsck.badTimezone', 'ignore'],
    ['http.receivepack', 'true'],
    ['core.fsmonitor', 'false'],
    ['safe.directory', repositoryPath],
  ];
}

export function cgiEnvironment(request: CgiRequest, hook: HookEnvironment): Record<string, string> {
  const { headers, repositoryPath } = request;
  const config = gitConfig(repositoryPath, hook.hooksDir).flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'C.UTF-8',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_PROJECT_ROOT: path.dirname(repositoryPath),
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: `/${path.basename(repositoryPath)}${request.pathInfo}`,
    REQUEST_METHOD: request.method,
    QUERY_STRING: request.query,
    REMOTE_USER: request.user,
    ...optional('CONTENT_TYPE', headers['content-type']),
    ...optional('CONTENT_LENGTH', headers['content-length']),
    ...optional('HTTP_CONTENT_ENCODING', headers['content-encoding']),
    ...optional('GIT_PROTOCOL', protocol(headers['git-protocol'])),
    CONTAINR_HOOK_SOCKET: hook.socketPath,
    CONTAINR_HOOK_TOKEN: hook.token,
    GIT_CONFIG_COUNT: String(config.length / 2),
    ...Object.fromEntries(config),
  };
}

function optional(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}

function protocol(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && /^version=[0-2]$/.test(header) ? header : undefined;
}
