import { Injectable } from '@nestjs/common';
import type { ServiceMetrics, ServiceMetricsQuery } from '#contracts/metrics.js';
import { requireService } from '#features/services/index.js';
import type { Caller } from '#platform/http/index.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { latestSample, pointsOf } from './metrics.queries.js';
import { rangeOf } from './metrics.range.js';

const LATEST_MS = 60_000;

@Injectable()
export class MetricsService {
  constructor(private readonly db: PrismaService) {}

  /** @throws NotFound `service_not_found`; Invalid `validation_failed` */
  async ofService(caller: Caller, id: string, query: ServiceMetricsQuery): Promise<ServiceMetrics> {
    await requireService(this.db, caller, id);
    const now = new Date();
    const range = rangeOf(query, now);
    const [points, latest] = await Promise.all([
      pointsOf(this.db, id, range),
      latestSample(this.db, id, new Date(now.getTime() - LATEST_MS)),
    ]);
    const { from, to, step } = range;
    return { service_id: id, from: from.toISOString(), to: to.toISOString(), step, points, latest };
  }
}
