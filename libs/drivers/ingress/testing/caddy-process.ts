/**
 * A private Caddy for tests: own ports, own folder, own CA. `stop()` leaves nothing behind. Also used by the e2e stories.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { baseConfig } from '../caddy/base-config.js';
import type { JsonObject } from '../caddy/json.js';
import { repairStorage } from '../caddy/storage.js';
import type { AcmeOptions } from '../caddy/tls-config.js';

export interface CaddyProcessOptions {
  baseDomain?: string;
  httpPort?: number;
  httpsPort?: number;
  /** Existing or new folder; it is then kept by stop(). Default: a temporary one. */
  dir?: string;
  acme?: AcmeOptions;
  /** False: no access log. */
  accessLog?: boolean;
  /** Start without any configuration. */
  empty?: boolean;
}

export class CaddyProcess {
  readonly admin: string;
  private child: ChildProcess | null = null;
  private log = '';

  private constructor(
    readonly dir: string,
    readonly httpPort: number,
    readonly httpsPort: number,
    readonly config: JsonObject,
    private readonly temporary: boolean,
  ) {
    this.admin = `unix:${path.join(dir, 'admin.sock')}`;
  }

  /** Free ports may be taken by somebody else before Caddy has them: then others are tried. */
  static async start(options: CaddyProcessOptions = {}): Promise<CaddyProcess> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await CaddyProcess.startOnce(options);
      } catch (error) {
        if (attempt === 3 || !String(error).includes('address already in use')) throw error;
      }
    }
  }

  private static async startOnce(options: CaddyProcessOptions): Promise<CaddyProcess> {
    const dir = options.dir ?? (await mkdtemp(path.join(os.tmpdir(), 'containr-caddy-')));
    const [freeHttp = 0, freeHttps = 0] = await freePorts(2);
    const { httpPort = freeHttp, httpsPort = freeHttps } = options;
    const routesDir = path.join(dir, 'routes');
    await mkdir(routesDir, { recursive: true });
    const config = baseConfig({
      adminSocket: path.join(dir, 'admin.sock'),
      storageDir: path.join(dir, 'storage'),
      baseDomain: options.baseDomain ?? 'apps.localhost',
      bind: ['127.0.0.1'],
      httpPort,
      httpsPort,
      routesDir,
      certificatesDir: path.join(dir, 'certificates'),
      ...(options.accessLog === false ? {} : { accessLog: path.join(dir, 'access.log') }),
      internalToken: 'internal-token',
      ...(options.acme ? { acme: options.acme } : {}),
    });
    const caddy = new CaddyProcess(dir, httpPort, httpsPort, config, options.dir === undefined);
    try {
      await caddy.run(options.empty ? 'empty' : 'base');
    } catch (error) {
      await caddy.stop();
      throw error;
    }
    return caddy;
  }

  /** SIGKILL, then a new process with the base configuration or none at all. */
  async restart(mode: 'base' | 'empty'): Promise<void> {
    await this.kill();
    await this.run(mode);
  }

  /** SIGTERM; resolves when the process is gone. */
  terminate(): Promise<void> {
    return this.end('SIGTERM');
  }

  kill(): Promise<void> {
    return this.end('SIGKILL');
  }

  private async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.child;
    this.child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  async stop(): Promise<void> {
    await this.kill();
    if (this.temporary) await rm(this.dir, { recursive: true, force: true });
  }

  /** An ingress that hangs, until resume(). */
  async suspend(): Promise<void> {
    this.child?.kill('SIGSTOP');
    while (!/\) T /.test(await readFile(`/proc/${this.pid}/stat`, 'utf8')))
      await new Promise((resolve) => setTimeout(resolve, 5));
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Certificate of the private CA, for TLS clients. */
  rootCertificate(): Promise<string> {
    return readFile(path.join(this.dir, 'storage/pki/authorities/local/root.crt'), 'utf8');
  }

  /** The CA is made a moment after the start. */
  async waitForRoot(): Promise<void> {
    for (const deadline = Date.now() + 40_000; ; ) {
      const root = await this.rootCertificate().catch(() => '');
      if (root.includes('END CERTIFICATE')) return;
      if (Date.now() > deadline) throw new Error(`caddy made no CA:\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  private async run(mode: 'base' | 'empty'): Promise<void> {
    await repairStorage(path.join(this.dir, 'storage'));
    const file = path.join(this.dir, 'caddy.json');
    const { admin } = this.config;
    await writeFile(file, JSON.stringify(mode === 'empty' ? { admin } : this.config));
    this.child = spawn('caddy', ['run', '--config', file], {
      env: { PATH: process.env.PATH, HOME: this.dir, XDG_CONFIG_HOME: this.dir, XDG_DATA_HOME: this.dir },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.log = (this.log + chunk.toString()).slice(-20_000);
    });
    await this.answering(mode);
  }

  /** The admin socket answers before the ports are open, also of a Caddy that is about to fail on a taken port. */
  private async answering(mode: 'base' | 'empty'): Promise<void> {
    const ports = mode === 'empty' ? [] : [this.httpPort, this.httpsPort];
    const targets: net.NetConnectOpts[] = [
      { path: this.admin.slice('unix:'.length) },
      ...ports.map((port) => ({ host: '127.0.0.1', port })),
    ];
    for (const deadline = Date.now() + 40_000; ; ) {
      if (this.child?.exitCode !== null || Date.now() > deadline) throw new Error(`caddy did not start:\n${this.log}`);
      if ((await Promise.all(targets.map(accepts))).every(Boolean)) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

function accepts(target: net.NetConnectOpts): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(target);
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

/** Different ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
