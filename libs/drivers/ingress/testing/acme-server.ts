/**
 * A certificate authority that speaks ACME: a second Caddy with a CA of its own. `stop()` leaves nothing behind.
 *
 * An ACME CA validates at the ports 80 and 443 of the name that it was asked for. Here both exist only in namespaces of the CA's own
 * (unshare(1)): a hosts file with the names, and a bridge from the two ports over unix sockets, which reach across network namespaces,
 * to the ports of the ingress. Nothing of the machine is changed, and no privilege is needed where user namespaces are allowed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { JsonObject } from '../caddy/json.js';
import { until } from './traffic.js';

const NAMESPACES = ['--user', '--map-root-user', '--net', '--mount', '--pid', '--fork', '--kill-child'];
const PREPARE = 'ip link set lo up && mount --bind "$0" /etc/hosts';
/** From ports 80 and 443 to the sockets of the same names; only then the CA starts, so it never finds them closed. */
const INSIDE = `const [net, { spawn }] = [require('node:net'), require('node:child_process')];
const [dir] = process.argv.slice(1);
const bridge = (port) => new Promise((done) => net.createServer((from) => {
  const to = net.connect(dir + '/' + port + '.sock');
  from.on('error', () => to.destroy()).on('close', () => to.destroy()).pipe(to);
  to.on('error', () => from.destroy()).on('close', () => from.destroy()).pipe(from);
}).listen(port, '127.0.0.1', done));
Promise.all([80, 443].map(bridge)).then(() => {
  const caddy = spawn('caddy', ['run', '--config', dir + '/caddy.json'], { stdio: 'inherit' });
  caddy.on('exit', () => process.exit(1));
});`;

/** Null, or why this machine cannot run it. */
export function whyNoAcmeServer(): string | null {
  const probe = spawnSync('unshare', [...NAMESPACES, 'sh', '-c', PREPARE, '/etc/hosts'], { encoding: 'utf8' });
  if (probe.status === 0) return null;
  return `no namespaces for the ACME server here: ${(probe.error?.message ?? probe.stderr).trim()}`;
}

export interface Ports {
  httpPort: number;
  httpsPort: number;
}

export class AcmeServer {
  /** First bytes of each connection that the CA made, by port: the request line and Host, or the TLS client's hello with name and protocol. */
  readonly validations: { port: number; text: string }[] = [];
  /** Connections to the ACME server. */
  visits = 0;
  /** Where the names lead: set once the ingress runs. */
  ingress: Ports | null = null;
  private readonly servers: net.Server[] = [];
  private readonly sockets = new Set<net.Socket>();
  private child: ChildProcess | null = null;
  private port = 0;
  private log = '';

  private constructor(private readonly dir: string) {}

  /** @param names that lead to the ingress, for the CA alone */
  static async start(names: string[]): Promise<AcmeServer> {
    const server = new AcmeServer(await mkdtemp(path.join(os.tmpdir(), 'containr-acme-')));
    try {
      await server.open(names);
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  get directory(): string {
    return `https://127.0.0.1:${this.port}/acme/local/directory`;
  }

  /** PEM file of the CA's root: it has signed both what it issues and its own certificate. */
  get rootFile(): string {
    return path.join(this.dir, 'storage/pki/authorities/local/root.crt');
  }

  async stop(): Promise<void> {
    if (this.child && this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      // Not `exit`: that is unshare's own, and what it started ends a moment later.
      await once(this.child, 'close');
    }
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(this.servers.map((server) => new Promise((resolve) => server.close(resolve))));
    await rm(this.dir, { recursive: true, force: true });
  }

  private async open(names: string[]): Promise<void> {
    const file = (name: string) => path.join(this.dir, name);
    const note = (port: number) => (from: net.Socket) =>
      from.once('data', (chunk) => this.validations.push({ port, text: chunk.toString('latin1') }));
    await this.pipe(file('80.sock'), () => this.ingress?.httpPort ?? 0, note(80));
    await this.pipe(file('443.sock'), () => this.ingress?.httpsPort ?? 0, note(443));
    const door = await this.pipe(
      { port: 0, host: '127.0.0.1' },
      () => file('acme.sock'),
      () => this.visits++,
    );
    this.port = (door.address() as net.AddressInfo).port;
    await writeFile(file('hosts'), `127.0.0.1 localhost ${names.join(' ')}\n`);
    await writeFile(file('caddy.json'), JSON.stringify(authority(this.dir)));
    this.run();
    await until(async () => this.child?.exitCode !== null || (await this.answers()));
    if (this.child?.exitCode !== null) throw new Error(`the ACME server did not start:\n${this.log}`);
  }

  private run(): void {
    const own = { HOME: this.dir, XDG_CONFIG_HOME: this.dir, XDG_DATA_HOME: this.dir };
    const values = [path.join(this.dir, 'hosts'), process.execPath, INSIDE, this.dir];
    this.child = spawn('unshare', [...NAMESPACES, 'sh', '-c', `${PREPARE} && exec "$1" -e "$2" "$3"`, ...values], {
      env: { PATH: process.env.PATH, ...own },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.log = (this.log + chunk.toString()).slice(-20_000);
    });
  }

  private async answers(): Promise<boolean> {
    const ca = await readFile(this.rootFile, 'utf8').catch(() => '');
    if (!ca.includes('END CERTIFICATE')) return false;
    return new Promise((resolve) => {
      https
        .get(this.directory, { ca, agent: false }, (response) => resolve(response.resume().statusCode === 200))
        .on('error', () => resolve(false));
    });
  }

  /** Hands each connection on. */
  private async pipe(
    at: string | net.ListenOptions,
    target: () => string | number,
    seen: (from: net.Socket) => void,
  ): Promise<net.Server> {
    const server = net.createServer((from) => {
      const there = target();
      const to = typeof there === 'number' ? net.connect(there, '127.0.0.1') : net.connect(there);
      seen(from);
      this.join(from, to);
      this.join(to, from);
    });
    server.listen(at);
    await once(server, 'listening');
    this.servers.push(server);
    return server;
  }

  private join(from: net.Socket, to: net.Socket): void {
    this.sockets.add(from);
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroy();
    });
    from.pipe(to);
  }
}

/** https://caddyserver.com/docs/json/apps/http/servers/routes/handle/acme_server/ */
function authority(dir: string): JsonObject {
  const server = {
    listen: [`unix/${path.join(dir, 'acme.sock')}`],
    automatic_https: { disable: true },
    tls_connection_policies: [{ default_sni: '127.0.0.1' }],
    routes: [{ handle: [{ handler: 'acme_server', ca: 'local' }] }],
  };
  return {
    admin: { disabled: true },
    storage: { module: 'file_system', root: path.join(dir, 'storage') },
    apps: {
      pki: { certificate_authorities: { local: { name: 'Test ACME', install_trust: false } } },
      tls: {
        certificates: { automate: ['127.0.0.1'] },
        automation: { policies: [{ issuers: [{ module: 'internal' }] }] },
      },
      http: { servers: { acme: server } },
    },
  };
}
