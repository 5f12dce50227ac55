import { z } from 'zod';

const check = z.enum(['ok', 'unavailable']);

export const healthResponse = z
  .object({
    status: z.enum(['ok', 'degraded']).describe('`degraded` when something below does not answer.'),
    service: z.string().meta({ example: 'containr-api' }),
    version: z.string().meta({ example: '0.1.0' }),
    checks: z.object({ database: check, redis: check }),
  })
  .meta({ id: 'HealthResponse' });
export type HealthResponse = z.output<typeof healthResponse>;
