/**
 * The client's side of a BuildKit session: a gRPC server that answers over a connection which the engine hijacked (`POST /session`).
 * dockerode's own session offers registry credentials only, and no health service, so the engine drops it after its first check (1 s in
 * Engine 20.10, 5 s later; session/grpc.go of github.com/moby/buildkit) and a secret that a late step asks for would be "not found".
 */
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { EngineClient } from '#drivers/runtime/docker/client.js';
import { type Answer, serveGrpc } from './grpc.js';
import type { BuildRequest } from './port.js';
import { decode, encodeBytes, encodeNumber, stringOf } from './protobuf.js';

export interface Session {
  /** Goes to `POST /build` as `session`. */
  id: string;
  close(): void;
}

const SECRET = '/moby.buildkit.secrets.v1.Secrets/GetSecret';
const CREDENTIALS = '/moby.filesync.v1.Auth/Credentials';
const HEALTH = '/grpc.health.v1.Health/Check';
const SERVING = 1;

/** Names under which BuildKit asks for Docker Hub. */
const HUB = new Set(['docker.io', 'registry-1.docker.io', 'index.docker.io', 'https://index.docker.io/v1/']);

type Offered = Pick<BuildRequest, 'secrets' | 'logins'>;

/** null = gRPC NOT_FOUND. */
const answers = ({ secrets, logins = {} }: Offered): Record<string, Answer> => ({
  [SECRET]: (request) => {
    const id = stringOf(decode(request), 1);
    return Object.hasOwn(secrets, id) ? encodeBytes(1, Buffer.from(secrets[id] ?? '')) : null;
  },
  // CredentialsResponse {Username = 1, Secret = 2}; an empty answer means "no credentials": the image is pulled anonymously.
  [CREDENTIALS]: (request) => {
    const host = stringOf(decode(request), 1);
    const login = logins[HUB.has(host) ? 'docker.io' : host];
    if (!login) return Buffer.alloc(0);
    return Buffer.concat([encodeBytes(1, Buffer.from(login.username)), encodeBytes(2, Buffer.from(login.password))]);
  },
  [HEALTH]: () => encodeNumber(1, SERVING),
});

function hijack(engine: EngineClient, id: string, signal: AbortSignal): Promise<Duplex> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'h2c',
    'x-docker-expose-session-uuid': id,
    'x-docker-expose-session-name': 'containr',
    'x-docker-expose-session-grpc-method': [SECRET, CREDENTIALS, HEALTH],
  };
  return engine.hijack({ method: 'POST', path: '/session', signal }, headers);
}

/** @param offered secrets and logins; they live in this process's memory and on the engine's tmpfs while a step mounts them, nowhere else. */
export async function openSession(engine: EngineClient, offered: Offered, signal: AbortSignal): Promise<Session> {
  const id = randomUUID();
  const socket = await hijack(engine, id, signal);
  return { id, close: serveGrpc(socket, answers(offered)) };
}
