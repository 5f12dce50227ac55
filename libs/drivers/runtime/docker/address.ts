/** Where a Docker Engine answers. The shape fits Node's `http.request` and dockerode's constructor alike. */
import { Invalid } from '#platform/errors.js';

export interface EngineTls {
  /** PEM texts, not paths. */
  ca: string;
  cert: string;
  key: string;
}

export type EngineAddress =
  | { protocol: 'http'; socketPath: string }
  | ({ protocol: 'http' | 'https'; host: string; port: number } & Partial<EngineTls>);

const DEFAULT_SOCKET = '/var/run/docker.sock';

/**
 * Reads a DOCKER_HOST-like string: `unix:///path`, `tcp://host:port`, `http(s)://host:port`, or nothing for the default socket.
 * TLS is used when `tls` is given or the scheme is https; the default ports are Docker's own 2375 and 2376.
 * @throws Invalid `docker_host_invalid`
 */
export function engineAddress(dockerHost = '', tls?: EngineTls): EngineAddress {
  if (dockerHost === '') return { protocol: 'http', socketPath: DEFAULT_SOCKET };
  if (dockerHost.startsWith('unix://')) return unixAddress(dockerHost);
  const url = URL.canParse(dockerHost) ? new URL(dockerHost) : null;
  if (!url?.hostname || !['tcp:', 'http:', 'https:'].includes(url.protocol)) throw invalidHost(dockerHost);
  const secure = tls !== undefined || url.protocol === 'https:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  // WHATWG URLs drop the scheme's default port, so an empty one means 80/443 only when it was written for http(s).
  const port = Number(url.port) || portWhenOmitted(dockerHost, secure);
  return { protocol: secure ? 'https' : 'http', host, port, ...tls };
}

function portWhenOmitted(dockerHost: string, secure: boolean): number {
  const written = /:(80|443)\/?$/.exec(dockerHost)?.[1];
  if (written) return Number(written);
  return secure ? 2376 : 2375;
}

function unixAddress(dockerHost: string): EngineAddress {
  const socketPath = dockerHost.slice('unix://'.length) || DEFAULT_SOCKET;
  if (!socketPath.startsWith('/')) throw invalidHost(dockerHost);
  return { protocol: 'http', socketPath };
}

function invalidHost(dockerHost: string): Invalid {
  const message = `"${dockerHost}" is not the address of a Docker Engine; write unix:///path/to/docker.sock or tcp://host:port.`;
  return new Invalid('docker_host_invalid', message);
}

/** True when the engine's process, its network bridges and its process ids are those of this machine. */
export function isLocal(address: EngineAddress): boolean {
  return 'socketPath' in address || ['127.0.0.1', '::1', 'localhost'].includes(address.host);
}

/** For messages only. */
export function describeAddress(address: EngineAddress): string {
  return 'socketPath' in address ? address.socketPath : `${address.host}:${address.port}`;
}
