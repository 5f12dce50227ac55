import { Module } from '@nestjs/common';
import { MetricsController } from './metrics.controller.js';
import { MetricsSampler } from './metrics.sampler.js';
import { MetricsService } from './metrics.service.js';

@Module({ controllers: [MetricsController], providers: [MetricsService] })
export class MetricsApiModule {}

@Module({ providers: [MetricsSampler], exports: [MetricsSampler] })
export class MetricsWorkerModule {}
