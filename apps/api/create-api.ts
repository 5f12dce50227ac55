/** Puts the API together without listening: main.ts, the tests and the OpenAPI generator share it. */
import { type DynamicModule, RequestMethod, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Config } from '#platform/config.js';
import { createLogger, type Logger, NestLogger } from '#platform/logger.js';
import { apiModule } from './api.module.js';
import { registerMetrics } from './http/metrics.js';
import { registerPages } from './http/pages.js';
import { registerProbes } from './http/probes.js';
import { RouteTable } from './http/route-table.js';
import { createAdapter } from './http/server.js';
import { registerTracing } from './http/tracing.js';

export interface ApiOptions {
  config: Config;
  logger?: Logger;
  /** Wraps the module, e.g. to replace drivers in a test. */
  module?: (module: DynamicModule) => DynamicModule | Type;
}

/** Neither PostgreSQL nor Redis needs to be up: requests that need them answer 503 until they are. */
export async function createApi({ config, logger = createLogger(config, 'api'), module = (own) => own }: ApiOptions) {
  const routes = new RouteTable();
  const root = module(apiModule({ name: 'api', config, logger }, routes));
  const app = await NestFactory.create<NestFastifyApplication>(root, createAdapter(config, routes), {
    logger: new NestLogger(logger),
    bodyParser: false,
    abortOnError: false,
  });
  // The route `git/*` itself, the built-in remote, and not all routes below git/: /api/v1/git/providers has the prefix.
  app.setGlobalPrefix('api/v1', { exclude: [{ path: 'git/\\*', method: RequestMethod.ALL }] });
  registerProbes(app);
  registerMetrics(app, config);
  registerTracing(app);
  registerPages(app);
  return app;
}
