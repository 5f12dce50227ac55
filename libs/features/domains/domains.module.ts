import { Module, type OnModuleInit } from '@nestjs/common';
import { ReleasesWorkerModule } from '#features/releases/index.js';
import { WorkflowRegistry } from '#workflows/workflow.js';
import { DnsCheck } from './dns-check.js';
import { DomainChecks } from './domain-checks.js';
import { DomainsController } from './domains.controller.js';
import { DomainsService } from './domains.service.js';
import { DomainsWorkflow } from './domains.workflow.js';

@Module({ controllers: [DomainsController], providers: [DomainsService, DnsCheck] })
export class DomainsApiModule {}

/** The step is one of the releases feature: it alone speaks to the ingress. */
@Module({
  imports: [ReleasesWorkerModule],
  providers: [DnsCheck, DomainChecks, DomainsWorkflow],
  exports: [DomainChecks],
})
export class DomainsWorkerModule implements OnModuleInit {
  constructor(
    private readonly registry: WorkflowRegistry,
    private readonly workflow: DomainsWorkflow,
  ) {}

  onModuleInit(): void {
    this.registry.register(this.workflow.workflow(), []);
  }
}
