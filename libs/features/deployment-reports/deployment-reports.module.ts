import { Module, type OnModuleInit } from '@nestjs/common';
import { EventDispatcher, EventsWorkerModule } from '#features/events/index.js';
import { GitProvidersWorkerModule } from '#features/git-providers/index.js';
import { DeploymentReporter } from './reporter.js';
import { noteReports } from './reports.queries.js';

@Module({
  imports: [EventsWorkerModule, GitProvidersWorkerModule],
  providers: [DeploymentReporter],
  exports: [DeploymentReporter],
})
export class DeploymentReportsWorkerModule implements OnModuleInit {
  constructor(private readonly events: EventDispatcher) {}

  onModuleInit(): void {
    this.events.subscribe(noteReports);
  }
}
