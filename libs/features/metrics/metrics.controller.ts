import { Controller, Get } from '@nestjs/common';
import { z } from 'zod';
import { idOf } from '#contracts/common.js';
import { type ServiceMetricsQuery, serviceMetrics, serviceMetricsQuery } from '#contracts/metrics.js';
import { type Caller, CurrentUser, Operation, ValidParams, ValidQuery } from '#platform/http/index.js';
import { MetricsService } from './metrics.service.js';

@Controller('services/:id/metrics')
export class MetricsController {
  constructor(private readonly metrics: MetricsService) {}

  @Get()
  @Operation({
    summary: 'CPU, memory, network and requests of a service',
    description: 'One sample each 15 seconds, kept for 24 hours; an answer has at most 500 points.',
    tag: 'Services',
    params: z.object({ id: idOf('service') }),
    query: serviceMetricsQuery,
    returns: { status: 200, schema: serviceMetrics },
  })
  get(@CurrentUser() caller: Caller, @ValidParams() { id }: { id: string }, @ValidQuery() query: ServiceMetricsQuery) {
    return this.metrics.ofService(caller, id, query);
  }
}
