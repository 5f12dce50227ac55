import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type HealthResponse, healthResponse } from '#contracts/health.js';
import { Operation } from '#platform/http/index.js';
import { PRODUCT_VERSION } from '#platform/version.js';
import { HealthChecks } from './health.checks.js';

@Controller('health')
export class HealthController {
  constructor(private readonly checks: HealthChecks) {}

  @Get()
  @Operation({
    summary: 'Health check endpoint',
    description:
      'Always answers within 2 seconds. 503 when PostgreSQL does not answer; without Redis everything works, only slower.',
    tag: 'Health',
    returns: { status: 200, schema: healthResponse },
    alsoReturns: { 503: healthResponse },
    public: true,
  })
  async health(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthResponse> {
    const checks = await this.checks.run();
    const healthy = Object.values(checks).every((state) => state === 'ok');
    if (checks.database !== 'ok') reply.status(503);
    return { status: healthy ? 'ok' : 'degraded', service: 'containr-api', version: PRODUCT_VERSION, checks };
  }
}
