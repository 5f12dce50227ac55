import { Module, type OnModuleInit } from '@nestjs/common';
import { WorkflowRegistry } from '#workflows/workflow.js';
import { BuildCache } from './build-cache.js';
import { History } from './history.js';
import { ImageCollector } from './image-collector.js';
import { ImageGcWorkflow } from './image-gc.workflow.js';
import { Partitions } from './partitions.js';

@Module({
  providers: [Partitions, History, ImageCollector, ImageGcWorkflow, BuildCache],
  exports: [Partitions, History, ImageCollector, BuildCache],
})
export class HousekeepingWorkerModule implements OnModuleInit {
  constructor(
    private readonly registry: WorkflowRegistry,
    private readonly images: ImageGcWorkflow,
  ) {}

  onModuleInit(): void {
    this.registry.register(this.images.workflow(), this.images.kinds());
  }
}
