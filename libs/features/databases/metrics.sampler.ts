/**
 * Each 15 seconds: what the containers of databases have used (RUNTIME) and what the engines count. Several workers may sample: each looks for
 * itself and the first row of an interval stays.
 */
import { Inject, Injectable } from '@nestjs/common';
import { SAMPLE_SECONDS } from '#contracts/metrics.js';
import type { Counters } from '#drivers/engines/index.js';
import type { ContainerRuntime, WorkloadUsage } from '#drivers/runtime/port.js';
import { RUNTIME } from '#drivers/tokens.js';
import { AppError } from '#platform/errors.js';
import { Installation } from '#platform/installation.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { containerName, DatabaseContainers } from './database-containers.js';
import { type DatabaseSample, ROLLUP_SECONDS, rollUp, storeSamples } from './metrics.queries.js';

/** Share of an interval that a look must cover. */
const WHOLE = 0.9;
/** An engine that does not answer in this time has no figures this time. */
const ANSWER_MS = 5_000;
/** Engines that are asked at once. */
const AT_ONCE = 4;

interface Look {
  at: number;
  usage: Map<string, WorkloadUsage>;
  counters: Map<string, Counters>;
}

@Injectable()
export class DatabaseSampler {
  private before: Look | null = null;

  constructor(
    private readonly db: PrismaService,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    private readonly installation: Installation,
    private readonly containers: DatabaseContainers,
  ) {}

  /** @param seconds a clock that never goes back. @returns samples taken: none at the first look and for a part of an interval. */
  async sample(now = new Date(), seconds = performance.now() / 1000): Promise<DatabaseSample[]> {
    const rows = await this.db.database.findMany({ where: { deletedAt: null, desiredState: 'running' } });
    const look: Look = { at: seconds, usage: new Map(), counters: new Map() };
    if (rows.length > 0) await this.look(rows, look);
    const before = this.before;
    this.before = look;
    if (!before || seconds - before.at < SAMPLE_SECONDS * WHOLE) return [];
    const samples = [...look.usage.keys()].map((id) => sampleBetween(id, before, look));
    const end = intervalEnd(now);
    await storeSamples(this.db, end, samples);
    if (end.getTime() % (ROLLUP_SECONDS * 1000) === 0) await rollUp(this.db, end);
    return samples;
  }

  private async look(rows: Parameters<DatabaseContainers['instanceOf']>[0][], look: Look): Promise<void> {
    const names = new Map(rows.map((row) => [containerName(row), row]));
    for (const usage of await this.usage()) {
      const row = usage.labels.role === 'database' && names.get(usage.name);
      if (row) look.usage.set(row.id, usage);
    }
    const next = rows.filter(({ id }) => look.usage.has(id)).values();
    const ask = async () => {
      for (const row of next) {
        const { engine, access } = this.containers.instanceOf(row);
        const usage = look.usage.get(row.id) as WorkloadUsage;
        const told = await orNull(
          this.containers.tell(usage, engine.metrics.read(access), AbortSignal.timeout(ANSWER_MS)),
        );
        if (told?.exitCode === 0) look.counters.set(row.id, engine.metrics.parse(told.stdout));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
  }

  private async usage(): Promise<WorkloadUsage[]> {
    if (!this.runtime.capabilities.usage) return [];
    return (await orNull(this.runtime.usage({ installation: await this.installation.id() }))) ?? [];
  }
}

/** Counters that went back began anew, with the container or its engine: they have counted what they have since then. */
export function sampleBetween(databaseId: string, before: Look, now: Look): DatabaseSample {
  const usage = now.usage.get(databaseId) as WorkloadUsage;
  const [counters, older] = [now.counters.get(databaseId), before.counters.get(databaseId)];
  const known = before.usage.get(databaseId);
  const since = known?.id === usage.id ? known : undefined;
  const seconds = now.at - before.at;
  const rate = (name: 'reads' | 'writes') => {
    const grown = growth(older?.[name], counters?.[name]);
    return grown === null ? null : grown / seconds;
  };
  return {
    databaseId,
    cpuCores: (growth(since?.cpuSeconds ?? 0, usage.cpuSeconds) ?? 0) / seconds,
    memoryBytes: usage.memoryBytes,
    storageBytes: counters?.storageBytes ?? null,
    connections: counters?.connections ?? null,
    readIops: rate('reads'),
    writeIops: rate('writes'),
    networkInBytes: growth(since?.network?.inBytes ?? 0, usage.network?.inBytes),
    networkOutBytes: growth(since?.network?.outBytes ?? 0, usage.network?.outBytes),
  };
}

/** Null when one of the two is not known. */
function growth(before: number | null | undefined, now: number | null | undefined): number | null {
  if (before === null || before === undefined || now === null || now === undefined) return null;
  return now >= before ? now - before : now;
}

/** What does not answer right now is somebody else's alarm; its figures are missing. */
async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AppError || (error as Error).name === 'TimeoutError') return null;
    throw error;
  }
}

function intervalEnd(now: Date): Date {
  const interval = SAMPLE_SECONDS * 1000;
  return new Date(Math.round(now.getTime() / interval) * interval);
}
