/**
 * The client's side of a BuildKit session: a gRPC server that answers over a connection which the engine hijacked (`POST /session`).
 * dockerode's own session offers registry credentials only, and no health service, so the engine drops it after its first check (1 s in
 * Engine 20.10, 5 s later; session/grpc.go of github.com/moby/buildkit) and a secret that a late step asks for would be "not found".
 */
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { Server, ServerCredentials, type ServiceDefinition, status, type UntypedHandleCall } from '@grpc/grpc-js';
import type Docker from 'dockerode';
import type { BuildRequest } from './port.js';
import { decode, encodeBytes, encodeNumber, stringOf } from './protobuf.js';

export interface Session {
  /** Goes to `POST /build` as `session`. */
  id: string;
  close(): void;
}

type Answer = (request: Buffer) => Buffer | null;

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

const asIs = (bytes: Buffer): Buffer => bytes;

function definition(path: string): ServiceDefinition {
  const method = { path, requestStream: false, responseStream: false };
  const codec = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  return { call: { ...method, ...codec } };
}

function handler(answer: Answer): UntypedHandleCall {
  return (call: { request: Buffer }, reply: (error: object | null, value?: Buffer) => void) => {
    const value = answer(call.request);
    if (value) reply(null, value);
    else reply({ code: status.NOT_FOUND, message: 'not found' });
  };
}

function serve(socket: Duplex, offered: Offered): Server {
  const server = new Server();
  for (const [path, answer] of Object.entries(answers(offered)))
    server.addService(definition(path), { call: handler(answer) });
  server.createConnectionInjector(ServerCredentials.createInsecure()).injectConnection(socket);
  return server;
}

function hijack(docker: Docker, id: string, signal: AbortSignal): Promise<Duplex> {
  const headers = {
    Upgrade: 'h2c',
    'X-Docker-Expose-Session-Uuid': id,
    'X-Docker-Expose-Session-Name': 'containr',
    'X-Docker-Expose-Session-Grpc-Method': [SECRET, CREDENTIALS, HEALTH],
  };
  const options = { method: 'POST', path: '/session', hijack: true, headers, abortSignal: signal };
  return new Promise((resolve, reject) => {
    docker.modem.dial({ ...options, statusCodes: { 200: true, 500: 'server error' } }, (error, socket) => {
      if (error) reject(error);
      else resolve(socket as Duplex);
    });
  });
}

/** @param offered secrets and logins; they live in this process's memory and on the engine's tmpfs while a step mounts them, nowhere else. */
export async function openSession(docker: Docker, offered: Offered, signal: AbortSignal): Promise<Session> {
  const id = randomUUID();
  const socket = await hijack(docker, id, signal);
  // The engine closes its side when the build ends; a reset then is not an error of the build.
  socket.on('error', () => socket.destroy());
  const server = serve(socket, offered);
  return {
    id,
    close: () => {
      server.forceShutdown();
      socket.destroy();
    },
  };
}
