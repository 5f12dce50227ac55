/** Requests through the ingress, as a browser makes them. */
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Site {
  url: string | null;
}

export interface Page {
  status: number;
  text: string;
}

const PATIENCE_MS = 15_000;

/** @param port of the ingress; the service is named by the Host header. */
export function visit(port: number, site: Site, path = '/'): Promise<Page> {
  const { host } = new URL(site.url ?? '');
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, headers: { host }, timeout: PATIENCE_MS, agent: false as const };
    const request = http.get(options, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
  });
}

/** What the app of `apps.ts` says. @throws Error unless the answer is 200. */
export async function ask(port: number, site: Site) {
  const { status, text } = await visit(port, site);
  if (status !== 200) throw new Error(`${status}: ${text}`);
  return JSON.parse(text) as { version: string; replica: string; greeting?: string; token?: string };
}

/** A steady stream of requests, until it is stopped. */
export class Load {
  private readonly stopped = new AbortController();
  private readonly open = new Set<Promise<void>>();
  private readonly running: Promise<void>;
  readonly failures: string[] = [];
  readonly answers: string[] = [];

  /** @param perSecond bounded: this is a test of continuity, not of speed. */
  constructor(
    private readonly port: number,
    private readonly site: Site,
    private readonly perSecond = 50,
  ) {
    this.running = this.run();
  }

  /** Resolves when every request has been answered. */
  async stop(): Promise<this> {
    this.stopped.abort();
    await this.running;
    await Promise.all(this.open);
    return this;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      const one = this.one().finally(() => this.open.delete(one));
      this.open.add(one);
      await sleep(1000 / this.perSecond, undefined, { signal }).catch(() => undefined); // stopped
    }
  }

  private async one(): Promise<void> {
    try {
      const { status, text } = await visit(this.port, this.site);
      if (status === 200) this.answers.push(text);
      else this.failures.push(`${status} ${text}`);
    } catch (error) {
      this.failures.push(String(error));
    }
  }
}
