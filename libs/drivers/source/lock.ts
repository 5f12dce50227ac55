/**
 * One fetch per repository at a time, across all workers of this machine. The lock is a listening abstract Unix socket (unix(7)): the
 * kernel frees it when its holder ends, however it ends, so it can never be stale; waiting is a connection that closes when it is freed.
 */
import { createHash } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';

const nameOf = (key: string): string => `\0containr-git-${createHash('sha256').update(key).digest('hex').slice(0, 40)}`;

function tryListen(name: string): Promise<Held | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    const held = new Held(server);
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
    server.listen(name, () => resolve(held));
  });
}

class Held {
  private readonly waiting = new Set<Socket>();

  constructor(private readonly server: Server) {
    server.unref();
    server.on('connection', (socket) => {
      this.waiting.add(socket.unref());
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.waiting.delete(socket));
    });
  }

  release(): void {
    this.server.close();
    for (const socket of this.waiting) socket.destroy();
  }
}

function untilFreed(name: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(name);
    const onAbort = () => socket.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', () => undefined); // Refused: freed in between; 'close' follows.
    socket.on('close', () => {
      signal.removeEventListener('abort', onAbort);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    });
  });
}

/** @param key absolute path of the repository. @throws signal.reason while waiting */
export async function withLock<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const name = nameOf(key);
  for (;;) {
    signal.throwIfAborted();
    const held = await tryListen(name);
    if (held) return work().finally(() => held.release());
    await untilFreed(name, signal);
  }
}
