import { Module, type OnModuleInit } from '@nestjs/common';
import { WorkflowRegistry } from '#workflows/workflow.js';
import { HealWorkflow } from './heal.workflow.js';
import { ProjectSecrets } from './project-secrets.js';
import { Reconciler } from './reconciler.js';
import { ReleaseSteps } from './release.steps.js';
import { ReleaseArchive } from './release-archive.js';
import { Releases } from './releases.js';
import { RemovalWorkflows } from './removal.workflows.js';
import { RouteSteps } from './route.steps.js';
import { Routes } from './routes.js';

@Module({
  providers: [
    ProjectSecrets,
    ReleaseArchive,
    Releases,
    Routes,
    ReleaseSteps,
    RouteSteps,
    HealWorkflow,
    RemovalWorkflows,
    Reconciler,
  ],
  exports: [ProjectSecrets, Releases, Routes, ReleaseSteps, Reconciler],
})
export class ReleasesWorkerModule implements OnModuleInit {
  constructor(
    private readonly registry: WorkflowRegistry,
    private readonly heal: HealWorkflow,
    private readonly removal: RemovalWorkflows,
    private readonly steps: ReleaseSteps,
    private readonly routeSteps: RouteSteps,
  ) {}

  onModuleInit(): void {
    this.registry.register(this.heal.workflow(), this.heal.kinds());
    for (const workflow of this.removal.workflows()) this.registry.register(workflow, []);
    this.registry.addKinds([...this.removal.kinds(), ...this.steps.kinds(), ...this.routeSteps.kinds()]);
  }
}
