/** The connection to one Docker Engine and what it can build with, asked once. */
import type { Readable } from 'node:stream';
import Docker from 'dockerode';
import { Invalid } from '#platform/errors.js';

export interface EngineOptions {
  /** `unix:///var/run/docker.sock` (default, also for ''), `tcp://host:2376`, `http://host:2375` or `https://host:2376`. */
  dockerHost?: string;
  /** PEM texts; with them `tcp://` means TLS. */
  tls?: { ca: string; cert: string; key: string };
}

export interface EngineFacts {
  /** False: the classic builder is all it has. */
  buildKit: boolean;
  /** The engine's data folder when the engine may be on this machine, else null. */
  localRoot: string | null;
}

/** First API version whose builds take `version=2` without the experimental flag: docs.docker.com/reference/api/engine/version-history/#v139-api-changes */
const BUILDKIT_SINCE = 1.39;

const DEFAULT_HOST = 'unix:///var/run/docker.sock';

export const isLocal = (options: EngineOptions): boolean => (options.dockerHost || DEFAULT_HOST).startsWith('unix:');

export function connect(options: EngineOptions): Docker {
  const url = new URL(options.dockerHost || DEFAULT_HOST);
  if (url.protocol === 'unix:') return new Docker({ socketPath: url.pathname });
  if (!['tcp:', 'http:', 'https:'].includes(url.protocol)) {
    throw new Invalid(
      'docker_host_invalid',
      `DOCKER_HOST "${options.dockerHost}" must start with unix://, tcp://, http:// or https://.`,
    );
  }
  const protocol = options.tls || url.protocol === 'https:' ? 'https' : 'http';
  const port = url.port === '' ? (protocol === 'https' ? 2376 : 2375) : Number(url.port);
  return new Docker({ host: url.hostname, port, protocol, ...options.tls });
}

export async function askEngine(docker: Docker, local: boolean): Promise<EngineFacts> {
  const [version, info] = await Promise.all([docker.version(), docker.info() as Promise<{ DockerRootDir?: string }>]);
  // Podman speaks the API, `version=2` included, but answers it with its own builder, without BuildKit's sessions and messages.
  const podman = version.Components?.some((component) => component.Name.startsWith('Podman')) ?? false;
  const buildKit =
    version.Os === 'linux' && Number.parseFloat(majorMinor(version.ApiVersion)) >= BUILDKIT_SINCE && !podman;
  return { buildKit, localRoot: local ? (info.DockerRootDir ?? null) : null };
}

/** `1.41` -> `1.41`, `1.9` -> `1.09`: versions are pairs of numbers, not decimals. */
function majorMinor(version: string): string {
  const [major = '0', minor = '0'] = version.split('.');
  return `${major}.${minor.padStart(2, '0')}`;
}

/** Starts a build; resolves with the engine's stream of JSON lines. `context` is piped into the request. */
export function postBuild(
  docker: Docker,
  context: Readable,
  options: Record<string, unknown>,
  signal: AbortSignal,
): Promise<Readable> {
  return new Promise((resolve, reject) => {
    const request = { path: '/build?', method: 'POST', file: context, options, isStream: true, abortSignal: signal };
    docker.modem.dial(
      { ...request, statusCodes: { 200: true, 400: 'bad request', 500: 'server error' } },
      (error, stream) => {
        if (error) reject(error);
        else resolve(stream as Readable);
      },
    );
  });
}

/**
 * `keep-storage` is called `reserved-space` since API 1.48; an engine ignores the name that it does not know.
 * https://docs.docker.com/reference/api/engine/version-history/#v148-api-changes
 */
export function pruneCache(docker: Docker, keepBytes: number): Promise<number> {
  const keep = String(Math.floor(keepBytes));
  const _query = { all: 'true', 'keep-storage': keep, 'reserved-space': keep };
  return new Promise((resolve, reject) => {
    const request = { path: '/build/prune?', method: 'POST', options: { _query, _body: {} } };
    docker.modem.dial({ ...request, statusCodes: { 200: true, 500: 'server error' } }, (error, answer) => {
      if (error) reject(error);
      else resolve((answer as { SpaceReclaimed?: number }).SpaceReclaimed ?? 0);
    });
  });
}

/** Ends a build by the id it was started with. An engine that does not know the id (any more) has nothing left to end. */
export function cancelBuild(docker: Docker, id: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = { path: '/build/cancel?', method: 'POST', options: { _query: { id }, _body: {} } };
    docker.modem.dial(
      { ...request, statusCodes: { 200: true, 204: true, 404: true, 500: 'server error' } },
      (error) => {
        if (error) reject(error);
        else resolve();
      },
    );
  });
}
