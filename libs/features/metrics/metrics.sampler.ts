/**
 * Each 15 seconds: what the containers have used (RUNTIME) and what was asked of them (INGRESS) since the last look, one row per service.
 * Several workers may sample: each looks for itself, the first row of an interval stays, and when one dies nothing is missing.
 */
import { Inject, Injectable } from '@nestjs/common';
import { SAMPLE_SECONDS } from '#contracts/metrics.js';
import type { HostTraffic, Ingress, TrafficReader } from '#drivers/ingress/port.js';
import type { ContainerRuntime, WorkloadUsage } from '#drivers/runtime/port.js';
import { INGRESS, RUNTIME } from '#drivers/tokens.js';
import { servicesAt } from '#features/services/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import { AppError } from '#platform/errors.js';
import { Installation } from '#platform/installation.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { storeSamples } from './metrics.queries.js';
import {
  NO_TRAFFIC,
  NO_USAGE,
  type Sample,
  type Traffic,
  trafficOf,
  type Usage,
  usageBetween,
} from './usage-deltas.js';

/** Share of an interval that a look must cover; a worker that started in the middle begins with the next one. */
const WHOLE = 0.9;

@Injectable()
export class MetricsSampler {
  private before: { at: number; usage: WorkloadUsage[] } | null = null;
  private readonly traffic: TrafficReader;

  constructor(
    private readonly db: PrismaService,
    @Inject(RUNTIME) private readonly runtime: ContainerRuntime,
    @Inject(INGRESS) ingress: Ingress,
    private readonly installation: Installation,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.traffic = ingress.traffic();
  }

  /** @param seconds a clock that never goes back. @returns samples taken: none at the first look and for a part of an interval. */
  async sample(now = new Date(), seconds = performance.now() / 1000): Promise<Sample[]> {
    const [usage, traffic] = await Promise.all([this.usage(), orNull(this.traffic.read())]);
    const before = this.before;
    if (usage) this.before = { at: seconds, usage };
    if (!before || seconds - before.at < SAMPLE_SECONDS * WHOLE) return [];
    const used = usage ? usageBetween(before.usage, usage, seconds - before.at) : new Map<string, Usage>();
    const samples = await this.samples(used, traffic);
    await storeSamples(this.db, intervalEnd(now), samples);
    return samples;
  }

  /** Lets go of the ingress' log; to be called when no look is under way. */
  close(): Promise<void> {
    return this.traffic.close();
  }

  private async usage(): Promise<WorkloadUsage[] | null> {
    if (!this.runtime.capabilities.usage) return null;
    return orNull(this.runtime.usage({ installation: await this.installation.id() }));
  }

  /** A web service without a request had none; what is no web service, or an ingress that does not tell, has no figure. */
  private async samples(used: Map<string, Usage>, traffic: Map<string, HostTraffic> | null): Promise<Sample[]> {
    const asked = traffic ? await this.byService(traffic) : new Map<string, HostTraffic[]>();
    const ids = [...new Set([...used.keys(), ...asked.keys()])];
    const services = await this.db.service.findMany({ where: { id: { in: ids } }, select: { id: true, type: true } });
    return services.map(({ id, type }) => ({
      serviceId: id,
      ...(used.get(id) ?? NO_USAGE),
      ...this.trafficOf(type, traffic ? (asked.get(id) ?? []) : null),
    }));
  }

  private trafficOf(type: string, hosts: HostTraffic[] | null): Traffic {
    return hosts === null || type !== 'web' ? NO_TRAFFIC : trafficOf(hosts);
  }

  private async byService(traffic: Map<string, HostTraffic>): Promise<Map<string, HostTraffic[]>> {
    const grouped = new Map<string, HostTraffic[]>();
    for (const [host, id] of await servicesAt(this.db, [...traffic.keys()], this.config)) {
      const told = traffic.get(host);
      if (told) grouped.set(id, [...(grouped.get(id) ?? []), told]);
    }
    return grouped;
  }
}

/** An engine or ingress that does not answer right now is somebody else's alarm; its figures are missing. */
async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AppError && error.transient) return null;
    throw error;
  }
}

/** Milliseconds until the next interval ends: all workers look at the same moments. */
export function untilIntervalEnd(now = Date.now()): number {
  const interval = SAMPLE_SECONDS * 1000;
  return interval - (now % interval);
}

/** A look comes a little after the end of its interval, or with a timer's rounding a moment before. */
function intervalEnd(now: Date): Date {
  const interval = SAMPLE_SECONDS * 1000;
  return new Date(Math.round(now.getTime() / interval) * interval);
}
