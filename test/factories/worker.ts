/** The worker's features in this process, on a real database and with fake drivers: deployments run when the test says so. */
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Global, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { FakeBuilder } from '#drivers/builder/fake.js';
import { GuardedBuilder } from '#drivers/builder/guarded-builder.js';
import { BuildPrograms } from '#drivers/builder/programs.js';
import { DiskGuard } from '#drivers/disk/disk-guard.js';
import { FakeDisks } from '#drivers/disk/fake.js';
import { HttpGitProviders } from '#drivers/git-providers/git-providers.js';
import { FakeIngress } from '#drivers/ingress/fake.js';
import { FakeObjectStores } from '#drivers/object-store/fake.js';
import type { ObjectStores } from '#drivers/object-store/stores.js';
import { FakeRuntime } from '#drivers/runtime/fake.js';
import type { ContainerRuntime } from '#drivers/runtime/port.js';
import { FakeSource } from '#drivers/source/fake.js';
import {
  BUILD_PROGRAMS,
  BUILDER,
  DISK_GUARD,
  GIT_PROVIDERS,
  INGRESS,
  OBJECT_STORES,
  RUNTIME,
  SOURCE,
} from '#drivers/tokens.js';
import { BackupFiles } from '#features/backups/backup-files.js';
import { BackupsService } from '#features/backups/backups.service.js';
import { BackupsWorkerModule } from '#features/backups/index.js';
import { RestoresService } from '#features/backups/restores.service.js';
import { SchedulesService } from '#features/backups/schedules.service.js';
import { TargetsService } from '#features/backups/targets.service.js';
import { DatabaseLinksService } from '#features/databases/database-links.service.js';
import { DatabaseToolsService } from '#features/databases/database-tools.service.js';
import { DatabaseReader } from '#features/databases/databases.reader.js';
import { DatabasesService, DatabasesWorkerModule } from '#features/databases/index.js';
import { DatabaseMetricsService } from '#features/databases/metrics.service.js';
import { PublicAccessService } from '#features/databases/public-access.service.js';
import { DeploymentReportsWorkerModule } from '#features/deployment-reports/index.js';
import { DeploymentsService, DeploymentsWorkerModule } from '#features/deployments/index.js';
import { DomainsWorkerModule } from '#features/domains/index.js';
import { EventsWorkerModule } from '#features/events/index.js';
import { ExecutionsWorkerModule } from '#features/executions/index.js';
import { GitProvidersWorkerModule } from '#features/git-providers/index.js';
import { HousekeepingWorkerModule } from '#features/housekeeping/index.js';
import { MetricsWorkerModule } from '#features/metrics/index.js';
import { PreviewsWorkerModule } from '#features/previews/index.js';
import { WebhookEndpointsWorkerModule } from '#features/webhook-endpoints/index.js';
import { WebhooksWorkerModule } from '#features/webhooks/index.js';
import { EgressGuard } from '#platform/egress.js';
import type { Caller } from '#platform/http/index.js';
import { createLogger } from '#platform/logger.js';
import { PlatformModule } from '#platform/platform.module.js';
import { PrismaService } from '#platform/prisma/prisma.service.js';
import { testConfig } from '#platform/testing/config.js';
import { createTestDatabase } from '#platform/testing/database.js';
import { Executor } from '#workflows/executor.js';
import { RunQueue } from '#workflows/run-queue.js';
import { WorkflowRegistry } from '#workflows/workflow.js';
import { ExecutorModule } from '#workflows/workflows.module.js';

export type TestWorker = Awaited<ReturnType<typeof testWorker>>;

/** Nudges are not sent: the test pumps. */
const queue = { provide: RunQueue, useValue: { nudge: () => undefined } };

/** @param environment settings beyond the defaults of tests. @param real drivers instead of the fakes; `runtime` of the result stays the fake. */
export async function testWorker(
  environment: Record<string, string> = {},
  real: { runtime?: ContainerRuntime; stores?: ObjectStores } = {},
) {
  const database = await createTestDatabase();
  const drivers = {
    runtime: new FakeRuntime(),
    ingress: new FakeIngress(),
    builder: new FakeBuilder(),
    source: new FakeSource(),
    disks: new FakeDisks(),
    stores: new FakeObjectStores(),
  };
  shareImages(drivers);
  const app = await listeningApp();
  const module = await start(database.url, { ...drivers, ...real }, environment);
  const db = module.get(PrismaService);
  const deployments = module.get(DeploymentsService);
  return {
    ...drivers,
    database,
    db,
    deployments,
    registry: module.get(WorkflowRegistry),
    get: <T>(type: new (...args: never[]) => T): T => module.get(type),
    service: (fields: Record<string, unknown> = {}) => newService(db, app.port, fields),
    /** Runs everything that is queued, and what follows from it, to its end. */
    settle: () => settle(module.get(Executor), db),
    close: async () => {
      await module.close();
      app.close();
      await database.drop();
    },
  };
}

type Drivers = {
  runtime: ContainerRuntime;
  ingress: FakeIngress;
  builder: FakeBuilder;
  source: FakeSource;
  disks: FakeDisks;
  stores: ObjectStores;
};

async function start(
  databaseUrl: string,
  { runtime, ingress, builder, source, disks, stores }: Drivers,
  environment: Record<string, string>,
): Promise<TestingModule> {
  const config = testConfig({ DATABASE_URL: databaseUrl, ...environment });
  const guard = new DiskGuard(disks, 0);
  const egress = new EgressGuard({ allow: ['127.0.0.0/8'], deny: [] });
  const providers = [
    { provide: RUNTIME, useValue: runtime },
    { provide: INGRESS, useValue: ingress },
    { provide: BUILDER, useValue: new GuardedBuilder(builder, guard) },
    { provide: BUILD_PROGRAMS, useValue: new BuildPrograms(config.CONTAINR_BUILD_PATH) },
    { provide: DISK_GUARD, useValue: guard },
    { provide: SOURCE, useValue: source },
    { provide: EgressGuard, useValue: egress },
    { provide: GIT_PROVIDERS, useValue: new HttpGitProviders(egress) },
    { provide: OBJECT_STORES, useValue: stores },
    queue,
  ];
  @Global()
  @Module({ providers, exports: providers.map(({ provide }) => provide) })
  class FakeDriversModule {}

  const logger = createLogger(config, 'worker', { write: () => undefined });
  const module = await Test.createTestingModule({
    imports: [
      PlatformModule.forRoot({ name: 'worker', config, logger }),
      FakeDriversModule,
      ExecutorModule,
      DatabasesWorkerModule,
      GitProvidersWorkerModule,
      BackupsWorkerModule,
      DeploymentsWorkerModule,
      ExecutionsWorkerModule,
      DomainsWorkerModule,
      HousekeepingWorkerModule,
      MetricsWorkerModule,
      WebhooksWorkerModule,
      EventsWorkerModule,
      WebhookEndpointsWorkerModule,
      PreviewsWorkerModule,
      DeploymentReportsWorkerModule,
    ],
    providers: [
      DeploymentsService,
      DatabasesService,
      DatabaseReader,
      DatabaseLinksService,
      DatabaseToolsService,
      DatabaseMetricsService,
      PublicAccessService,
      BackupFiles,
      BackupsService,
      RestoresService,
      SchedulesService,
      TargetsService,
    ],
  }).compile();
  return module.init();
}

/** On a real host the engine that builds is the engine that runs. */
function shareImages({ builder, runtime }: { builder: FakeBuilder; runtime: FakeRuntime }): void {
  const build = builder.build.bind(builder);
  builder.build = async (request, signal) => {
    const image = await build(request, signal);
    runtime.addImage(request.tag, { id: image.id, labels: request.labels });
    return image;
  };
}

/** What the fake's containers (127.0.0.x) seem to serve. */
async function listeningApp() {
  const server = http.createServer((_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

async function newService(db: PrismaService, port: number, fields: Record<string, unknown>) {
  const caller: Caller = { userId: randomUUID(), isAdmin: false };
  const projectId = randomUUID();
  const id = randomUUID();
  await db.user.create({ data: { id: caller.userId, email: `${id}@example.test`, name: 'A', passwordHash: '' } });
  await db.project.create({ data: { id: projectId, ownerId: caller.userId, name: 'P' } });
  const basics = {
    name: 'web',
    alias: 'web',
    slug: `web-${id.slice(0, 8)}`,
    type: 'web',
    source: { type: 'git' },
    buildConfig: {},
    resources: {},
  };
  await db.service.create({
    data: { id, projectId, ...basics, port, settings: { drain_timeout: 0, health_check_timeout: 30 }, ...fields },
  });
  return { id, projectId, caller };
}

async function settle(executor: Executor, db: PrismaService): Promise<void> {
  const open = { status: { in: ['queued', 'running', 'undoing'] } };
  while ((await db.run.count({ where: open })) > 0) {
    await executor.pump();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
