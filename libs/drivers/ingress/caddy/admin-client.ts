/** Caddy's admin API (https://caddyserver.com/docs/api) over its unix socket or a loopback port. */
import http from 'node:http';
import { Unavailable } from '#platform/errors.js';

export interface AdminAnswer {
  status: number;
  body: string;
  /** '' when the answer has none. Caddy sends it as a trailer; a write with it in If-Match gets 412 when the value has changed since. */
  etag: string;
}

export interface AdminOptions {
  /** `unix:/path` or `http://127.0.0.1:2019` */
  admin: string;
  /** Milliseconds until a call is given up. */
  timeoutMs?: number;
}

interface Call {
  method: string;
  path: string;
  body?: unknown;
  ifMatch?: string;
}

export class CaddyAdmin {
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  private readonly target: http.RequestOptions;
  private readonly timeoutMs: number;

  constructor(options: AdminOptions) {
    this.target = targetOf(options.admin);
    this.timeoutMs = options.timeoutMs ?? 5000;
  }

  get(path: string): Promise<AdminAnswer> {
    return this.call({ method: 'GET', path });
  }

  /** Resolves with any HTTP status. @throws Unavailable `ingress_unavailable` when there is no answer in time. */
  async call(call: Call): Promise<AdminAnswer> {
    const deadline = AbortSignal.timeout(this.timeoutMs);
    try {
      return await this.send(call, deadline, this.agent).catch((error: unknown) => this.once(error, call, deadline));
    } catch (cause) {
      throw new Unavailable('ingress_unavailable', 'The ingress (Caddy) does not answer. Check that it runs.', {
        cause,
      });
    }
  }

  /** A kept connection may have been closed meanwhile (Caddy restarted or was loaded anew): once more, on a connection of its own. */
  private once(error: unknown, call: Call, deadline: AbortSignal): Promise<AdminAnswer> {
    if (deadline.aborted || !['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return this.send(call, deadline, false);
  }

  private send(
    { method, path, body, ifMatch }: Call,
    signal: AbortSignal,
    agent: http.Agent | false,
  ): Promise<AdminAnswer> {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = {
      ...(payload ? { 'Content-Type': 'application/json', 'Content-Length': payload.length } : {}),
      ...(ifMatch ? { 'If-Match': ifMatch } : {}),
    };
    return new Promise((resolve, reject) => {
      const request = http.request({ ...this.target, agent, method, path, headers, signal }, (response) => {
        collect(response).then(resolve, reject);
      });
      request.on('error', reject);
      request.end(payload);
    });
  }
}

function targetOf(admin: string): http.RequestOptions {
  if (admin.startsWith('unix:')) return { socketPath: admin.slice('unix:'.length), host: '127.0.0.1' };
  const url = new URL(admin);
  return { host: url.hostname, port: url.port };
}

async function collect(response: http.IncomingMessage): Promise<AdminAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const etag = response.trailers.etag ?? response.headers.etag ?? '';
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8'), etag };
}
