/**
 * For orchestrators and load balancers, at the root as they expect it: `/livez` says that this process turns, `/readyz` that it can serve.
 * A process that is not live should be restarted; one that is not ready only gets no requests. The health check for people is
 * /api/v1/health.
 */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { Readiness } from './health.checks.js';

export function registerProbes(app: NestFastifyApplication): void {
  const instance = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  instance.get('/livez', (_, reply) => {
    reply.type('text/plain; charset=utf-8').send('ok\n');
  });
  instance.get('/readyz', async (_, reply) => {
    const refusal = await app.get(Readiness).refusal();
    return reply
      .status(refusal ? 503 : 200)
      .type('text/plain; charset=utf-8')
      .send(`${refusal ?? 'ok'}\n`);
  });
}
