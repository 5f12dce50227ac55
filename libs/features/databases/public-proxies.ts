/**
 * TCP ports of the platform that lead to databases with public access. Each connection is checked against the networks that may connect
 * before a byte is passed on. Of several workers on one machine the one that has the port serves it; when it goes, another takes it.
 */
import net from 'node:net';
import { pipeline } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { engineOf } from '#drivers/engines/index.js';
import { isWithin } from '#features/tokens/index.js';
import { LOGGER, type Logger } from '#platform/logger.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { containerName, DatabaseContainers } from './database-containers.js';
import { hasTls, portOf } from './databases.view.js';

export const PROXIES_TOPIC = 'database-proxies';

const CONNECT_MS = 10_000;
/** Of one database at once; the engine has a limit of its own. */
const CONNECTIONS = 1000;

interface Target {
  port: number;
  cidrs: string[];
  container: string;
  databasePort: number;
}

interface Door {
  server: net.Server;
  target: Target;
  sockets: Set<net.Socket>;
}

@Injectable()
export class PublicProxies {
  private readonly doors = new Map<number, Door>();

  constructor(
    private readonly db: PrismaService,
    private readonly containers: DatabaseContainers,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** Opens and closes doors as the rows say. Whoever is no longer allowed is disconnected. @returns the ports that are open here */
  async sync(): Promise<number[]> {
    const wanted = new Map((await this.targets()).map((target) => [target.port, target]));
    for (const [port, door] of this.doors) if (!wanted.has(port)) await this.shut(port, door);
    for (const target of wanted.values()) {
      const door = this.doors.get(target.port);
      if (!door) await this.open(target);
      else retarget(door, target);
    }
    return [...this.doors.keys()].sort();
  }

  async close(): Promise<void> {
    for (const [port, door] of this.doors) await this.shut(port, door);
  }

  private async targets(): Promise<Target[]> {
    const rows = await this.db.database.findMany({
      where: { publicPort: { not: null }, deletedAt: null, desiredState: 'running' },
    });
    return rows.map((row) => ({
      port: row.publicPort as number,
      cidrs: (row.publicAccess as { cidrs: string[] } | null)?.cidrs ?? [],
      container: containerName(row),
      databasePort: portOf(engineOf(row.type), hasTls(row)),
    }));
  }

  private async open(target: Target): Promise<void> {
    const door: Door = { server: net.createServer(), target, sockets: new Set() };
    door.server.maxConnections = CONNECTIONS;
    door.server.on('connection', (socket) => this.connected(door, socket));
    try {
      await new Promise<void>((resolve, reject) => {
        door.server.once('error', reject).listen(target.port, () => resolve());
      });
      door.server.on('error', (err) => this.log.warn({ err, port: target.port }, 'public access'));
      this.doors.set(target.port, door);
    } catch (err) {
      // Another worker has it; what else may be in the way is the operator's to see.
      this.log.info({ err: String(err), port: target.port }, 'port of a database is not free');
    }
  }

  private shut(port: number, door: Door): Promise<void> {
    this.doors.delete(port);
    for (const socket of door.sockets) socket.destroy();
    return new Promise((resolve) => door.server.close(() => resolve()));
  }

  private connected(door: Door, socket: net.Socket): void {
    socket.on('error', () => socket.destroy());
    if (!allowed(door.target, socket)) return void socket.destroy();
    door.sockets.add(socket);
    socket.once('close', () => door.sockets.delete(socket));
    this.join(door.target, socket).catch((err) => {
      socket.destroy();
      this.log.info({ err: String(err), port: door.target.port }, 'a public connection did not reach its database');
    });
  }

  /** Looked up for each connection: a database that was made again has another address. */
  private async join({ container, databasePort }: Target, socket: net.Socket): Promise<void> {
    const address = (await this.containers.find(container))?.address;
    if (!address) throw new Error('the database does not run');
    const upstream = net.connect({ host: address, port: databasePort });
    upstream.setTimeout(CONNECT_MS, () => upstream.destroy(new Error('no answer')));
    upstream.once('connect', () => upstream.setTimeout(0));
    const ended = () => undefined; // both sides are closed by then
    pipeline(socket, upstream, ended);
    pipeline(upstream, socket, ended);
  }
}

function allowed({ cidrs }: Target, socket: net.Socket): boolean {
  return cidrs.length > 0 && isWithin(cidrs, socket.remoteAddress);
}

function retarget(door: Door, target: Target): void {
  door.target = target;
  for (const socket of door.sockets) if (!allowed(target, socket)) socket.destroy();
}
