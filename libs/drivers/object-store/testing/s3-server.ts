/** A real S3 server for tests: s3rver on a free port and in a temporary folder, behind a gate that checks signatures. */
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import S3rver from 's3rver';
import type { S3Options } from '../s3/s3-client.js';
import { signatureProblem } from './check-signature.js';

/** The only account that s3rver knows. */
const KEYS = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };

export interface TestS3 {
  options: S3Options;
  close(): Promise<void>;
}

export async function startS3(bucket = 'backups'): Promise<TestS3> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'containr-s3-'));
  const configureBuckets = [{ name: bucket, configs: [] }];
  const server = new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory, configureBuckets });
  const gate = await startGate((await server.run()).port);
  const { port } = gate.address() as AddressInfo;
  return {
    options: { endpoint: `http://127.0.0.1:${port}`, region: 'eu-test-1', bucket, prefix: 'containr', ...KEYS },
    close: async () => {
      await new Promise((resolve) => gate.close(resolve));
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function startGate(port: number): Promise<http.Server> {
  const gate = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const problem = signatureProblem(request, body, KEYS);
    if (problem) {
      response.writeHead(403).end(`<Error><Code>${problem}</Code></Error>`);
      return;
    }
    const { method, url, headers } = request;
    const behind = http.request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    behind.on('error', () => response.destroy());
    behind.end(body);
  });
  await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
  return gate;
}
