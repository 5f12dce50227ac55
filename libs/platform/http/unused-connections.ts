/**
 * Browsers and HTTP clients open connections ahead of time. Node counts one that has never carried a request as active, so closing the
 * server would wait for the client to use it or give it up.
 */

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Call once per server, before it listens. */
export function closeUnusedConnections(instance: FastifyInstance): void {
  const unused = new Set<Socket>();
  instance.server.on('connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  instance.server.on('request', (request: IncomingMessage) => unused.delete(request.socket));
  instance.addHook('preClose', async () => {
    for (const socket of unused) if (socket.bytesRead === 0) socket.destroy();
  });
}
