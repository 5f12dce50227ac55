/** A TCP proxy before PostgreSQL or Redis whose network a test can take away: refused connections, or packets that go nowhere. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface TestProxy {
  /** The given URL with the proxy's address in place of the server's. */
  url: string;
  /** Existing connections are cut, new ones refused. */
  refuse(): Promise<void>;
  /** Connections are taken and stay open, but nothing passes. */
  hang(): void;
  restore(): Promise<void>;
  close(): Promise<void>;
}

/** @param target URL of the server, e.g. postgresql://user@127.0.0.1:5432/name */
export async function createTestProxy(target: string): Promise<TestProxy> {
  const url = new URL(target);
  const state = { hanging: false, sockets: new Set<Socket>() };
  const server = createServer((client) => join(client, url, state));
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const cut = () => state.sockets.forEach((socket) => void socket.destroy());
  const refuse = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    cut();
    await closed;
  };
  const restore = async () => {
    if (state.hanging) cut();
    state.hanging = false;
    if (!server.listening) await listen(server, port);
  };
  const proxied = new URL(target);
  proxied.host = `127.0.0.1:${port}`;
  const hang = () => {
    state.hanging = true;
  };
  return { url: proxied.href, refuse, hang, restore, close: refuse };
}

function join(client: Socket, { hostname, port }: URL, state: { hanging: boolean; sockets: Set<Socket> }): void {
  const upstream = connect(Number(port), hostname);
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    state.sockets.add(from);
    from.on('data', (data) => state.hanging || to.write(data));
    // Either side's end or error ends both; what it was is for the tested client to say.
    from.on('error', () => to.destroy());
    from.on('close', () => {
      state.sockets.delete(from);
      to.destroy();
    });
  }
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}
