/** Asks PostgreSQL and Redis whether they answer, at most once at a time, and never waits long for either. */
import { Inject, Injectable } from '@nestjs/common';
import type { HealthResponse } from '#contracts/health.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { REDIS, type Redis } from '#platform/redis.js';

type State = HealthResponse['checks']['database'];

/** The whole answer must be there within 2 s. */
const PATIENCE_MS = 1_500;
/** A question that got no answer for so long is asked anew: its connection may be gone for good. */
const STALE_MS = 5_000;

@Injectable()
export class HealthChecks {
  private readonly postgres: Probe;
  private readonly cache: Probe;

  constructor(prisma: PrismaService, @Inject(REDIS) redis: Redis) {
    this.postgres = new Probe(() => prisma.$queryRaw`SELECT 1`);
    this.cache = new Probe(() => redis.ping());
  }

  database(): Promise<State> {
    return this.postgres.state();
  }

  async run(): Promise<HealthResponse['checks']> {
    const [database, redis] = await Promise.all([this.postgres.state(), this.cache.state()]);
    return { database, redis };
  }
}

/** Whether orchestrators should send requests here. */
@Injectable()
export class Readiness {
  private stopping = false;

  constructor(private readonly checks: HealthChecks) {}

  /** From now on: no. */
  stop(): void {
    this.stopping = true;
  }

  /** Null when ready, else why not. Redis is not needed: everything works without it, only slower. */
  async refusal(): Promise<string | null> {
    if (this.stopping) return 'stopping';
    return (await this.checks.database()) === 'ok' ? null : 'database unavailable';
  }
}

/** Many callers share one question, so that a hanging server is not buried under health checks. */
class Probe {
  private open: { since: number; answer: Promise<State> } | null = null;

  constructor(private readonly ask: () => Promise<unknown>) {}

  state(): Promise<State> {
    const now = Date.now();
    if (!this.open || now - this.open.since > STALE_MS) this.open = { since: now, answer: this.start() };
    return within(this.open.answer, PATIENCE_MS);
  }

  private async start(): Promise<State> {
    try {
      await this.ask();
      return 'ok';
    } catch {
      // The reason is in the log of whoever needed the server; here only the fact counts.
      return 'unavailable';
    } finally {
      this.open = null;
    }
  }
}

function within(answer: Promise<State>, ms: number): Promise<State> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('unavailable'), ms);
    answer.then((state) => {
      clearTimeout(timer);
      resolve(state);
    });
  });
}
