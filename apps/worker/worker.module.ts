import { type DynamicModule, Module } from '@nestjs/common';
import { DriversModule } from '#drivers/drivers.module.js';
import { BackupsWorkerModule } from '#features/backups/index.js';
import { BuildsWorkerModule } from '#features/builds/index.js';
import { DatabasesWorkerModule } from '#features/databases/index.js';
import { DeploymentReportsWorkerModule } from '#features/deployment-reports/index.js';
import { DeploymentsWorkerModule } from '#features/deployments/index.js';
import { DomainsWorkerModule } from '#features/domains/index.js';
import { EventsWorkerModule } from '#features/events/index.js';
import { ExecutionsWorkerModule } from '#features/executions/index.js';
import { GitProvidersWorkerModule } from '#features/git-providers/index.js';
import { HousekeepingWorkerModule } from '#features/housekeeping/index.js';
import { MetricsWorkerModule } from '#features/metrics/index.js';
import { PreviewsWorkerModule } from '#features/previews/index.js';
import { ReleasesWorkerModule } from '#features/releases/index.js';
import { WebhookEndpointsWorkerModule } from '#features/webhook-endpoints/index.js';
import { WebhooksWorkerModule } from '#features/webhooks/index.js';
import { PlatformModule, type PlatformOptions } from '#platform/platform.module.js';
import { ExecutorModule, RunQueueModule } from '#workflows/workflows.module.js';
import { BackupsClock } from './clocks/backups.clock.js';
import { CronClock } from './clocks/cron.clock.js';
import { DatabasesClock } from './clocks/databases.clock.js';
import { DomainsClock } from './clocks/domains.clock.js';
import { EventsClock } from './clocks/events.clock.js';
import { ImagesClock, RowsClock } from './clocks/housekeeping.clock.js';
import { MetricsClock } from './clocks/metrics.clock.js';
import { PreviewsClock } from './clocks/previews.clock.js';
import { ReconcilerClock } from './clocks/reconciler.clock.js';
import { ReportsClock } from './clocks/reports.clock.js';
import { RunsClock } from './clocks/runs.clock.js';
import { DeliveriesClock, HooksClock, PushesClock } from './clocks/webhooks.clock.js';
import { RunsProcessor } from './processors/runs.processor.js';

/** What the worker can do: one line per feature. */
@Module({
  imports: [
    GitProvidersWorkerModule,
    BackupsWorkerModule,
    BuildsWorkerModule,
    DatabasesWorkerModule,
    DeploymentsWorkerModule,
    ReleasesWorkerModule,
    DomainsWorkerModule,
    ExecutionsWorkerModule,
    HousekeepingWorkerModule,
    MetricsWorkerModule,
    WebhooksWorkerModule,
    EventsWorkerModule,
    WebhookEndpointsWorkerModule,
    PreviewsWorkerModule,
    DeploymentReportsWorkerModule,
    DriversModule,
    RunQueueModule,
    ExecutorModule,
  ],
  providers: [
    RunsProcessor,
    RunsClock,
    CronClock,
    DatabasesClock,
    DomainsClock,
    EventsClock,
    ReportsClock,
    MetricsClock,
    PreviewsClock,
    ReconcilerClock,
    RowsClock,
    ImagesClock,
    DeliveriesClock,
    HooksClock,
    PushesClock,
    BackupsClock,
  ],
})
export class WorkerModule {}

export function workerModule(options: PlatformOptions): DynamicModule {
  return { module: WorkerModule, imports: [PlatformModule.forRoot(options)] };
}
