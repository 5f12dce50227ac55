/** The API's features on the database and the fake drivers of a test worker, listening on a free port. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Global, Module, type Provider, type Type } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { BuildPrograms } from '#drivers/builder/programs.js';
import { DiskGuard } from '#drivers/disk/disk-guard.js';
import { BUILD_PROGRAMS, BUILDER, DISK_GUARD, INGRESS, RUNTIME, SOURCE } from '#drivers/tokens.js';
import { Sessions } from '#features/accounts/index.js';
import { DeploymentsApiModule } from '#features/deployments/index.js';
import { GitApiModule } from '#features/git/index.js';
import { TokensApiModule } from '#features/tokens/index.js';
import { CONFIG, type Config } from '#platform/config.js';
import type { Caller } from '#platform/http/index.js';
import { createLogger } from '#platform/logger.js';
import { PlatformModule } from '#platform/platform.module.js';
import { testConfig } from '#platform/testing/config.js';
import { createTestRedis } from '#platform/testing/redis.js';
import { RunQueue } from '#workflows/run-queue.js';
import { AccessGuard } from '../../../../apps/api/http/access.guard.js';
import { ProblemFilter } from '../../../../apps/api/http/problem.filter.js';
import { RouteTable } from '../../../../apps/api/http/route-table.js';
import { createAdapter } from '../../../../apps/api/http/server.js';
import type { TestWorker } from '../../../../test/factories/worker.js';
import { LogsApiModule } from '../index.js';

export type LogsApi = Awaited<ReturnType<typeof logsApi>>;

/** @param source instead of the worker's; it gets the data folder. @param more features beside deployments, logs and git. */
export async function logsApi(
  worker: TestWorker,
  source: (dataDir: string) => unknown = () => worker.source,
  more: Type[] = [],
) {
  const redis = await createTestRedis();
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'containr-logs-'));
  const config = testConfig({
    DATABASE_URL: worker.database.url,
    REDIS_URL: redis.url,
    CONTAINR_DATA_DIR: dataDir,
    CONTAINR_ENCRYPTION_KEY: worker.get<Config>(CONFIG as never).CONTAINR_ENCRYPTION_KEY,
  });
  const log: string[] = [];
  const logger = createLogger(config, 'api', { write: (line) => void log.push(line) });
  const providers: Provider[] = [
    { provide: RUNTIME, useValue: worker.runtime },
    { provide: INGRESS, useValue: worker.ingress },
    { provide: BUILDER, useValue: worker.builder },
    { provide: SOURCE, useValue: source(dataDir) },
    { provide: DISK_GUARD, useValue: new DiskGuard(worker.disks, 0) },
    { provide: BUILD_PROGRAMS, useValue: new BuildPrograms('') },
    { provide: RunQueue, useValue: { nudge: () => undefined } },
  ];
  @Global()
  @Module({ providers, exports: providers.map((provider) => (provider as { provide: symbol }).provide) })
  class FakeDriversModule {}

  const platform = PlatformModule.forRoot({ name: 'api', config, logger });
  const features = [TokensApiModule, DeploymentsApiModule, LogsApiModule, GitApiModule, ...more];
  const routes = new RouteTable();
  const module = await Test.createTestingModule({
    imports: [platform, FakeDriversModule, ...features],
    providers: [
      { provide: RouteTable, useValue: routes },
      { provide: APP_GUARD, useClass: AccessGuard },
      { provide: APP_FILTER, useClass: ProblemFilter },
    ],
  }).compile();
  const app = module.createNestApplication<NestFastifyApplication>(createAdapter(config, routes), {
    bodyParser: false,
    logger: false,
  });
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  const sessions = app.get(Sessions, { strict: false });
  return {
    app,
    url,
    log,
    dataDir,
    get: <T>(type: new (...args: never[]) => T): T => app.get(type, { strict: false }),
    token: (caller: Caller) => sessions.issue(caller.userId),
    ask: (caller: Caller, target: string, init: RequestInit = {}) =>
      fetch(`${url}${target}`, {
        ...init,
        headers: { authorization: `Bearer ${sessions.issue(caller.userId)}`, ...init.headers },
      }),
    close: async () => {
      await app.close();
      await redis.release();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
