/** The engine of this machine as an engine without BuildKit: a proxy that answers `/version` with an API version from before it. */
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface OldEngine {
  /** `tcp://127.0.0.1:<port>` */
  host: string;
  close(): Promise<void>;
}

export async function startOldEngine(socketPath: string): Promise<OldEngine> {
  const server = createServer((request, response) => forward(socketPath, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { host, close };
}

function forward(socketPath: string, request: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers } = request;
  if (url === '/version') {
    response.end(JSON.stringify({ ApiVersion: '1.38', Os: 'linux', Components: [{ Name: 'Engine' }] }));
    return;
  }
  const onward = send({ socketPath, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  response.on('close', () => onward.destroy());
  request.pipe(onward);
}
