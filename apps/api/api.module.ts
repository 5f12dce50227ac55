import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { DriversModule } from '#drivers/drivers.module.js';
import { AccountsApiModule } from '#features/accounts/index.js';
import { AuditApiModule } from '#features/audit/index.js';
import { BackupsApiModule } from '#features/backups/index.js';
import { BuildsApiModule } from '#features/builds/index.js';
import { ComposeApiModule } from '#features/compose/index.js';
import { DatabasesApiModule } from '#features/databases/index.js';
import { DeployHooksApiModule } from '#features/deploy-hooks/index.js';
import { DeploymentsApiModule } from '#features/deployments/index.js';
import { DomainsApiModule } from '#features/domains/index.js';
import { ExecutionsApiModule } from '#features/executions/index.js';
import { GitApiModule } from '#features/git/index.js';
import { GitProvidersApiModule } from '#features/git-providers/index.js';
import { LogsApiModule } from '#features/logs/index.js';
import { MembersApiModule } from '#features/members/index.js';
import { MetricsApiModule } from '#features/metrics/index.js';
import { PreviewsApiModule } from '#features/previews/index.js';
import { ProjectsApiModule } from '#features/projects/index.js';
import { RegistriesApiModule } from '#features/registries/index.js';
import { ServicesApiModule } from '#features/services/index.js';
import { TemplatesApiModule } from '#features/templates/index.js';
import { TokensApiModule } from '#features/tokens/index.js';
import { WebhookEndpointsApiModule } from '#features/webhook-endpoints/index.js';
import { WebhooksApiModule } from '#features/webhooks/index.js';
import { PlatformModule, type PlatformOptions } from '#platform/platform.module.js';
import { RunQueueModule } from '#workflows/workflows.module.js';
import { AccessGuard } from './http/access.guard.js';
import { HealthChecks, Readiness } from './http/health.checks.js';
import { HealthController } from './http/health.controller.js';
import { IdempotencyInterceptor } from './http/idempotency.interceptor.js';
import { ProblemFilter } from './http/problem.filter.js';
import { RouteTable } from './http/route-table.js';
import { PlatformMetrics } from './metrics/platform-metrics.js';

/** What the API consists of: one line per feature. */
@Module({
  imports: [
    AccountsApiModule,
    TokensApiModule,
    ProjectsApiModule,
    MembersApiModule,
    ServicesApiModule,
    DatabasesApiModule,
    DeploymentsApiModule,
    DomainsApiModule,
    BackupsApiModule,
    BuildsApiModule,
    RegistriesApiModule,
    ExecutionsApiModule,
    AuditApiModule,
    LogsApiModule,
    MetricsApiModule,
    GitApiModule,
    GitProvidersApiModule,
    WebhooksApiModule,
    PreviewsApiModule,
    DeployHooksApiModule,
    TemplatesApiModule,
    ComposeApiModule,
    WebhookEndpointsApiModule,
    DriversModule,
    RunQueueModule,
  ],
  controllers: [HealthController],
  providers: [
    HealthChecks,
    Readiness,
    PlatformMetrics,
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
    { provide: APP_FILTER, useClass: ProblemFilter },
  ],
})
export class ApiModule {}

export function apiModule(options: PlatformOptions, routes: RouteTable): DynamicModule {
  return {
    module: ApiModule,
    imports: [PlatformModule.forRoot(options)],
    providers: [{ provide: RouteTable, useValue: routes }],
  };
}
