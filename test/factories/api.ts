/** The API in this process, with a database and a Redis of its own, and people who use it. */
import { randomBytes } from 'node:crypto';
import type { DynamicModule, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { InjectOptions, Response } from 'light-my-request';
import { createLogger } from '#platform/logger.js';
import { testConfig } from '#platform/testing/config.js';
import { createTestDatabase, type TestDatabase } from '#platform/testing/database.js';
import { createTestRedis, type TestRedis } from '#platform/testing/redis.js';
import { type ApiOptions, createApi } from '../../apps/api/create-api.js';

export interface TestApiOptions {
  environment?: Record<string, string>;
  module?: (module: DynamicModule) => DynamicModule | Type;
}

export interface TestUser {
  id: string;
  email: string;
  password: string;
  token: string;
}

export interface TestApi {
  app: NestFastifyApplication;
  database: TestDatabase;
  redis: TestRedis;
  /** What the process has logged, one JSON text per line. */
  log: string[];
  /** In-process request; `url` is below /api/v1. */
  request(method: string, url: string, options?: RequestOptions): Promise<Response>;
  /** Registers and signs in. The first one is the administrator. */
  user(fields?: Partial<{ email: string; password: string; name: string }>): Promise<TestUser>;
  /** Listens on a free port. @returns the origin, e.g. http://127.0.0.1:34567 */
  listen(): Promise<string>;
  close(): Promise<void>;
}

export interface RequestOptions {
  as?: TestUser | string;
  body?: unknown;
  headers?: Record<string, string>;
  query?: Record<string, string>;
}

export async function testApi(options: TestApiOptions = {}): Promise<TestApi> {
  const [database, redis] = await Promise.all([createTestDatabase(), createTestRedis()]);
  const release = () => Promise.all([database.drop(), redis.release()]);
  const config = testConfig({ DATABASE_URL: database.url, REDIS_URL: redis.url, ...options.environment });
  const log: string[] = [];
  const logger = createLogger(config, 'api', { write: (line) => void log.push(line) });
  const app = await boot({ config, logger, module: options.module }).catch(async (error) => {
    await release();
    throw error;
  });
  const request: TestApi['request'] = (method, url, given = {}) => app.inject(injection(method, url, given));
  return {
    app,
    database,
    redis,
    log,
    request,
    user: (fields) => signUp(request, fields),
    listen: async () => {
      await app.listen(0, '127.0.0.1');
      return app.getUrl();
    },
    close: async () => {
      await app.close();
      await release();
    },
  };
}

async function boot(options: ApiOptions): Promise<NestFastifyApplication> {
  const app = await createApi(options);
  try {
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
    return app;
  } catch (error) {
    await app.close();
    throw error;
  }
}

function injection(method: string, url: string, { as, body, headers, query }: RequestOptions): InjectOptions {
  const token = typeof as === 'string' ? as : as?.token;
  return {
    method: method as InjectOptions['method'],
    url: url.startsWith('//') ? url.slice(1) : `/api/v1${url}`,
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
    ...(query ? { query } : {}),
    ...(body === undefined ? {} : { payload: body as InjectOptions['payload'] }),
  };
}

async function signUp(
  request: TestApi['request'],
  fields: Partial<{ email: string; password: string; name: string }> = {},
): Promise<TestUser> {
  const email = fields.email ?? `user-${randomBytes(4).toString('hex')}@example.com`;
  const password = fields.password ?? 'correct horse battery';
  const registered = await request('POST', '/auth/register', {
    body: { email, password, name: fields.name ?? 'Test User' },
  });
  const login = await request('POST', '/auth/login', { body: { email, password } });
  if (registered.statusCode !== 201 || login.statusCode !== 200) throw new Error(`${registered.body} ${login.body}`);
  return { id: registered.json().id, email, password, token: login.json().token };
}
