/** The connection to one Docker Engine and what it can build with, asked once. */
import type { Readable } from 'node:stream';
import { type EngineTls, engineAddress } from '#drivers/runtime/docker/address.js';
import { type EngineCall, EngineClient } from '#drivers/runtime/docker/client.js';
import { refusedWith } from '#drivers/runtime/docker/errors.js';

export interface EngineOptions {
  /** `unix:///var/run/docker.sock` (default, also for ''), `tcp://host:2376`, `http://host:2375` or `https://host:2376`. */
  dockerHost?: string;
  /** PEM texts; with them `tcp://` means TLS. */
  tls?: EngineTls;
}

export interface EngineFacts {
  /** False: the classic builder is all it has. */
  buildKit: boolean;
  /** The engine's data folder when the engine may be on this machine, else null. */
  localRoot: string | null;
}

/** First API version whose builds take `version=2` without the experimental flag: docs.docker.com/reference/api/engine/version-history/#v139-api-changes */
const BUILDKIT_SINCE = 1.39;

interface WireVersion {
  ApiVersion: string;
  Os: string;
  Components?: { Name: string }[];
}

/** @throws Invalid `docker_host_invalid` */
export function connect({ dockerHost, tls }: EngineOptions): EngineClient {
  return new EngineClient(engineAddress(dockerHost, tls));
}

export async function askEngine(engine: EngineClient): Promise<EngineFacts> {
  const [version, info] = await Promise.all([
    engine.call<WireVersion>({ method: 'GET', path: '/version' }),
    engine.call<{ DockerRootDir?: string }>({ method: 'GET', path: '/info' }),
  ]);
  // Podman speaks the API, `version=2` included, but answers it with its own builder, without BuildKit's sessions and messages.
  const podman = version.Components?.some((component) => component.Name.startsWith('Podman')) ?? false;
  const buildKit =
    version.Os === 'linux' && Number.parseFloat(majorMinor(version.ApiVersion)) >= BUILDKIT_SINCE && !podman;
  const local = 'socketPath' in engine.address;
  return { buildKit, localRoot: local ? (info.DockerRootDir ?? null) : null };
}

/** `1.41` -> `1.41`, `1.9` -> `1.09`: versions are pairs of numbers, not decimals. */
function majorMinor(version: string): string {
  const [major = '0', minor = '0'] = version.split('.');
  return `${major}.${minor.padStart(2, '0')}`;
}

const PRUNE_MS = 10 * 60_000;

/** Starts a build; resolves with the engine's stream of JSON lines. `context` is piped into the request. */
export function postBuild(
  engine: EngineClient,
  context: Readable,
  query: EngineCall['query'],
  signal: AbortSignal,
): Promise<Readable> {
  return engine.stream({ method: 'POST', path: '/build', query, upload: context, signal, timeoutMs: Infinity });
}

/**
 * `keep-storage` is called `reserved-space` since API 1.48; an engine ignores the name that it does not know.
 * https://docs.docker.com/reference/api/engine/version-history/#v148-api-changes
 */
export async function pruneCache(engine: EngineClient, keepBytes: number): Promise<number> {
  const keep = String(Math.floor(keepBytes));
  const query = { all: 'true', 'keep-storage': keep, 'reserved-space': keep };
  // It deletes files one by one: how long that takes is up to the disk.
  const request = { path: '/build/prune', query, timeoutMs: PRUNE_MS };
  const answer = await engine.call<{ SpaceReclaimed?: number }>({ method: 'POST', ...request });
  return answer.SpaceReclaimed ?? 0;
}

/** Ends a build by the id it was started with. An engine that does not know the id (any more) has nothing left to end. */
export async function cancelBuild(engine: EngineClient, id: string): Promise<void> {
  try {
    await engine.call({ method: 'POST', path: '/build/cancel', query: { id } });
  } catch (error) {
    if (!refusedWith(error, 404)) throw error;
  }
}

/** An image by id or tag. */
export function inspectImage(engine: EngineClient, name: string): Promise<{ Id: string; Size: number }> {
  return engine.call({ method: 'GET', path: `/images/${name}/json` });
}

/** Untags an image, and deletes it when that was its last tag. */
export async function removeImage(engine: EngineClient, name: string): Promise<void> {
  try {
    await engine.call({ method: 'DELETE', path: `/images/${name}` });
  } catch (error) {
    if (!refusedWith(error, 404)) throw error;
  }
}
