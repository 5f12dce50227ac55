/** What other features and the apps may use of this one. */
export { MetricsApiModule, MetricsWorkerModule } from './metrics.module.js';
export { MetricsSampler, untilIntervalEnd } from './metrics.sampler.js';
