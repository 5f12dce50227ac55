/** Public access to a database: which networks may connect, and the port of the platform for it. Off unless asked for. */
import { Inject, Injectable } from '@nestjs/common';
import type { DatabaseView } from '#contracts/databases.js';
import { recordAudit } from '#features/audit/index.js';
import { Bus } from '#platform/bus.js';
import { CONFIG, type Config } from '#platform/config.js';
import { Capacity, Conflict } from '#platform/errors.js';
import type { Caller } from '#platform/http/index.js';
import { Prisma, PrismaService, type Tx } from '#platform/prisma/prisma.service.js';
import { type DatabaseRow, lockDatabase, requireDatabase } from './databases.queries.js';
import { DatabaseReader } from './databases.reader.js';
import { PROXIES_TOPIC } from './public-proxies.js';

/** One port at a time is given out. */
const PORTS_LOCK = 7_203_011;

@Injectable()
export class PublicAccessService {
  constructor(
    private readonly db: PrismaService,
    private readonly reader: DatabaseReader,
    private readonly bus: Bus,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @param cidrs empty: off. @throws Conflict `public_access_disabled`; Capacity `ports_exhausted` */
  async put(caller: Caller, id: string, cidrs: string[]): Promise<DatabaseView> {
    const row = await this.db.$transaction(async (tx) => {
      await requireDatabase(tx, caller, id);
      await lockDatabase(tx, id);
      const before = await requireDatabase(tx, caller, id);
      const publicPort = cidrs.length > 0 ? (before.publicPort ?? (await this.freePort(tx))) : null;
      const publicAccess = cidrs.length > 0 ? { cidrs } : Prisma.DbNull;
      await tx.database.update({ where: { id }, data: { publicPort, publicAccess } });
      const after = await requireDatabase(tx, caller, id);
      const sides = { before: facts(before), after: facts(after) };
      const { projectId } = before;
      await recordAudit(tx, caller, {
        resource: 'database',
        resourceId: id,
        action: 'public_access',
        projectId,
        ...sides,
      });
      return after;
    });
    this.bus.publish(PROXIES_TOPIC);
    return this.reader.view(caller, row);
  }

  private async freePort(tx: Tx): Promise<number> {
    const range = this.config.CONTAINR_DATABASE_PORTS;
    if (!range)
      throw new Conflict(
        'public_access_disabled',
        'The operator has not set CONTAINR_DATABASE_PORTS: databases are reached inside their project only.',
      );
    await tx.$queryRaw`SELECT 1 FROM (SELECT pg_advisory_xact_lock(${PORTS_LOCK})) AS held`;
    const taken = await tx.database.findMany({ where: { publicPort: { not: null } }, select: { publicPort: true } });
    const ports = new Set(taken.map(({ publicPort }) => publicPort));
    for (let port = range.from; port <= range.to; port += 1) if (!ports.has(port)) return port;
    throw new Capacity(
      'ports_exhausted',
      'Every port of CONTAINR_DATABASE_PORTS is in use: ask the operator for more.',
    );
  }
}

function facts({ publicPort, publicAccess }: DatabaseRow) {
  return { port: publicPort, cidrs: (publicAccess as { cidrs: string[] } | null)?.cidrs ?? [] };
}
