/** The one way to PostgreSQL. Raw SQL goes through $queryRaw/$executeRaw with tagged parameters, never through string building. */
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import { CONFIG, type Config } from '../config.js';
import { Prisma, PrismaClient } from './generated/client.js';

@Injectable()
export class PrismaService extends PrismaClient implements OnModuleDestroy {
  constructor(@Inject(CONFIG) config: Config) {
    super({
      adapter: new PrismaPg({
        connectionString: config.DATABASE_URL,
        // The adapter sends a Date of raw SQL without its zone: the server would read it in its own.
        options: '-c TimeZone=UTC',
        max: 10,
        connectionTimeoutMillis: 10_000,
        // A network that swallows packets must not hold a request or a step until TCP gives up.
        query_timeout: 15_000,
        keepAlive: true,
      }),
      // Prisma's own 5 s are less than a busy machine may take for a few statements; what hangs is ended by query_timeout.
      transactionOptions: { maxWait: 10_000, timeout: 20_000 },
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.$disconnect();
  }
}

/** Inside `$transaction`, or the service itself: what functions of `*.queries.ts` take as their first argument. */
export type Tx = Prisma.TransactionClient;
export { Prisma };

/**
 * PostgreSQL's clock, the only one for whatever is stored and compared: workers and APIs may run on machines whose clocks differ or are set
 * while they run.
 */
export async function databaseTime(tx: Tx): Promise<Date> {
  const [row] = await tx.$queryRaw<[{ now: Date }]>`SELECT clock_timestamp() AS now`;
  return row.now;
}

/** Name of the violated unique index or constraint, null when the error is something else. */
export function uniqueViolation(error: unknown): string | null {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError) || error.code !== 'P2002') return null;
  return JSON.stringify(error.meta ?? {});
}

const CONNECTION_CODES = new Set([
  'P1001',
  'P1002',
  'P1008',
  'P1017',
  'P2024',
  'P2028',
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
]);
/** SQLSTATE classes: 08 connection, 57P0x shutdown/start-up, 53 resources; 40 serialization and deadlock. */
const CONNECTION_STATES = /^(08|57P0|53|40)/;
const CONNECTION_WORDS =
  /Connection terminated|Query read timeout|connection timeout|Can't reach database|terminating connection|the database system is|Server has closed the connection|timeout exceeded when trying to connect/i;

/** True when PostgreSQL cannot be reached or has just cut us off: trying again can help. */
export function isDatabaseDown(error: unknown): boolean {
  for (let current = error, depth = 0; current instanceof Error && depth < 4; current = current.cause, depth += 1) {
    const { code, meta } = current as { code?: string; meta?: Record<string, unknown> };
    if (code && (CONNECTION_CODES.has(code) || CONNECTION_STATES.test(code))) return true;
    const inner = (meta?.driverAdapterError as { cause?: { originalCode?: string; kind?: string } } | undefined)?.cause;
    if (
      inner &&
      (CONNECTION_STATES.test(inner.originalCode ?? '') ||
        /NotReachable|Connection|SocketTimeout/.test(inner.kind ?? ''))
    )
      return true;
    if (CONNECTION_WORDS.test(current.message)) return true;
  }
  return false;
}

const DEADLOCK_ATTEMPTS = 4;

/**
 * Of transactions that wait for each other's rows PostgreSQL ends one (SQLSTATE 40P01); that one is carried out again from its beginning. For
 * changes of a service from outside, which meet the worker's writes to the same rows in another order.
 */
export async function repeatOnDeadlock<T>(transaction: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction();
    } catch (error) {
      if (attempt === DEADLOCK_ATTEMPTS || !isDeadlock(error)) throw error;
    }
  }
}

function isDeadlock(error: unknown): boolean {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return false;
  const inner = (error.meta?.driverAdapterError as { cause?: { originalCode?: string; code?: string } } | undefined)
    ?.cause;
  return (
    error.code === 'P2034' || [inner?.originalCode, inner?.code].some((code) => code === '40P01' || code === '40001')
  );
}
