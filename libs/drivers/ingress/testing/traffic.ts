/** Real HTTP traffic for the tests of the ingress: upstream servers on loopback and clients that count. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import type { CaddyProcess } from './caddy-process.js';

export interface Answer {
  status: number;
  body: string;
  headers: http.IncomingHttpHeaders;
}

/**
 * `/` answers `<name> <bytes of body>`; `/hold` waits for release(); `/events` is an event stream with one event until release();
 * `/drop` closes the connection; `/headers` echoes the request's headers; an Upgrade is answered with 101 and an echo.
 */
export class Upstream {
  dropped = 0;
  private held: http.ServerResponse[] = [];
  private readonly sockets = new Set<net.Socket>();

  private constructor(
    readonly name: string,
    private readonly server: http.Server,
  ) {}

  static async start(name: string): Promise<Upstream> {
    const upstream = new Upstream(name, http.createServer());
    upstream.server.on('request', (request, response) => upstream.answer(request, response));
    upstream.server.on('upgrade', (_request, socket: net.Socket) => upstream.echo(socket));
    upstream.server.listen(0, '127.0.0.1');
    await once(upstream.server, 'listening');
    return upstream;
  }

  get address(): string {
    return `127.0.0.1:${(this.server.address() as net.AddressInfo).port}`;
  }

  get holding(): number {
    return this.held.length;
  }

  release(): void {
    for (const response of this.held.splice(0)) response.end(this.name);
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return;
    this.server.close();
    this.server.closeAllConnections();
    for (const socket of this.sockets) socket.destroy();
    await once(this.server, 'close');
  }

  private answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    if (request.url === '/drop') {
      this.dropped++;
      request.socket.destroy();
    } else if (request.url === '/hold' || request.url === '/events') {
      if (request.url === '/events')
        response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: first\n\n');
      this.held.push(response);
    } else if (request.url === '/headers') response.end(JSON.stringify(request.headers));
    else this.count(request, response);
  }

  private count(request: http.IncomingMessage, response: http.ServerResponse): void {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on('end', () => response.end(`${this.name} ${bytes}`));
  }

  private echo(socket: net.Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket)).on('error', () => socket.destroy());
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.pipe(socket);
  }
}

export interface RequestOptions {
  host: string;
  path?: string;
  method?: string;
  headers?: http.OutgoingHttpHeaders;
  body?: Buffer | string;
  agent?: http.Agent;
  onData?: (text: string) => void;
}

export function send(caddy: CaddyProcess, options: RequestOptions): Promise<Answer> {
  const { host, path = '/', method = 'GET', headers, body, agent, onData } = options;
  return new Promise((resolve, reject) => {
    const target = { host: '127.0.0.1', port: caddy.httpPort, path, method, agent: agent ?? new http.Agent() };
    const request = http.request({ ...target, headers: { ...headers, Host: host } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        onData?.(chunk);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** A raw WebSocket-like connection: upgraded, then echoes. */
export class Duplex {
  closed = false;
  private received = '';

  private constructor(private readonly socket: net.Socket) {
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.received += text;
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async open(caddy: CaddyProcess, host: string): Promise<Duplex> {
    const socket = net.connect(caddy.httpPort, '127.0.0.1');
    const duplex = new Duplex(socket);
    socket.write(`GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    await until(() => duplex.received.includes('\r\n\r\n'));
    if (!duplex.received.startsWith('HTTP/1.1 101')) throw new Error(duplex.received);
    return duplex;
  }

  /** True when the text comes back. */
  async echoes(text: string): Promise<boolean> {
    this.socket.write(text);
    await until(() => this.closed || this.received.endsWith(text));
    return !this.closed;
  }

  close(): void {
    this.socket.destroy();
  }
}

export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 40_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error(`not true within ${timeoutMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
