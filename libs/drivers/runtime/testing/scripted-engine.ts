/** An HTTP server on a unix socket that plays an engine: for answers that a healthy Docker does not give. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DockerRuntime } from '../docker/docker-runtime.js';
import type { WorkloadSpec } from '../port.js';

export type Handler = (request: SeenRequest, response: http.ServerResponse) => void;

export interface SeenRequest {
  method: string;
  /** Without query. */
  path: string;
  query: URLSearchParams;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the driver sent
  body: any;
}

export interface ScriptedEngine {
  dockerHost: string;
  requests: SeenRequest[];
  /** Cuts every connection, as a killed engine does. */
  cut(): void;
  close(): Promise<void>;
}

export async function scriptedEngine(handler: Handler): Promise<ScriptedEngine> {
  const folder = await mkdtemp(path.join(tmpdir(), 'scripted-engine-'));
  const socket = path.join(folder, 'docker.sock');
  const requests: SeenRequest[] = [];
  const server = http.createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const url = new URL(incoming.url ?? '/', 'http://docker');
    const body = text ? JSON.parse(text) : undefined;
    const seen = { method: incoming.method ?? '', path: url.pathname, query: url.searchParams, body };
    requests.push(seen);
    handler(seen, response);
  });
  server.listen(socket);
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  };
  return { dockerHost: `unix://${socket}`, requests, cut: () => server.closeAllConnections(), close };
}

export function answer(response: http.ServerResponse, status: number, body?: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(body === undefined ? '' : JSON.stringify(body));
}

export function frame(stream: number, text: string | Buffer): Buffer {
  const payload = Buffer.from(text);
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(payload.length, 4);
  return Buffer.concat([head, payload]);
}

/** A scripted engine and a runtime on it for each test of a file; both are closed after the test. */
export class ScriptedRuntime {
  engine: ScriptedEngine;
  runtime: DockerRuntime;

  constructor() {
    afterEach(async () => {
      this.runtime.close();
      await this.engine.close();
    });
  }

  async play(handler: Handler, options: { shortMs?: number } = {}): Promise<DockerRuntime> {
    this.engine = await scriptedEngine(handler);
    this.runtime = new DockerRuntime({ dockerHost: this.engine.dockerHost, ...options });
    return this.runtime;
  }

  /** `METHOD /path` of each request, in order. */
  seen(): string[] {
    return this.engine.requests.map(({ method, path }) => `${method} ${path}`);
  }
}

export const owner = { installation: 'i' };
export const never = new AbortController().signal;
export const spec: WorkloadSpec = {
  name: 'web-1',
  labels: { ...owner, project: 'p', service: 's', deployment: 'd', role: 'release', replica: 0 },
  image: 'app:1',
  env: {},
  network: 'net',
  aliases: [],
  limits: { cpus: 1, memoryBytes: 1, pids: 1 },
  mounts: [],
  restart: 'always',
  graceSeconds: 1,
};
