/**
 * A GET whose body arrives as it was written. dockerd flushes a followed log line by line; over HTTP/1.1 each line becomes a chunk of its own,
 * and Node's parser hands out each chunk as an event, which costs more than reading the line. To a HTTP/1.0 request Go's server answers with
 * the bare bytes until it closes, so that one read of the socket brings some hundred lines.
 */
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import type { EngineAddress } from './address.js';
import { pathOf } from './client.js';
import type { Deadline } from './deadline.js';

const HEAD_END = '\r\n\r\n';
const MAX_HEAD_BYTES = 64 * 1024;

/**
 * The body as a stream, or null when the engine (or a proxy before it) answered anything but 200 with a bare body; ask again over HTTP/1.1
 * then, which also tells the error.
 * @throws Node's connection errors, or the deadline's reason
 */
export async function rawStream(
  address: EngineAddress,
  request: { path: string; query: Record<string, string | number | boolean | undefined> },
  deadline: Deadline,
): Promise<Socket | null> {
  const socket = connect(address);
  deadline.onEnd(() => socket.destroy(deadline.reason()));
  socket.write(`GET ${pathOf(request)} HTTP/1.0\r\nHost: docker\r\n\r\n`);
  const head = await readHead(socket);
  if (/^HTTP\/1\.[01] 200 /.test(head) && !/^transfer-encoding:/im.test(head)) return socket;
  socket.destroy();
  return null;
}

function connect(address: EngineAddress): Socket {
  if ('socketPath' in address) return net.connect(address.socketPath);
  const { host, port, ca, cert, key } = address;
  return address.protocol === 'https' ? tls.connect({ host, port, ca, cert, key }) : net.connect(port, host);
}

/** Reads up to the empty line; what came after it goes back into the socket, which is left paused. */
function readHead(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0);
    const closed = () =>
      reject(Object.assign(new Error('closed before the head of the answer'), { code: 'ECONNRESET' }));
    const read = (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk]);
      const end = seen.indexOf(HEAD_END);
      if (end < 0 && seen.length <= MAX_HEAD_BYTES) return;
      socket.pause();
      socket.off('data', read).off('close', closed).off('error', reject);
      if (end >= 0 && end + HEAD_END.length < seen.length) socket.unshift(seen.subarray(end + HEAD_END.length));
      resolve(seen.toString('latin1', 0, Math.max(end, 0)));
    };
    socket.on('data', read).once('close', closed).once('error', reject);
  });
}
