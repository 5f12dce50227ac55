/** What the worker may use of this feature. */
export { BuildCache } from './build-cache.js';
export { History } from './history.js';
export { HousekeepingWorkerModule } from './housekeeping.module.js';
export { ImageCollector } from './image-collector.js';
export { Partitions } from './partitions.js';
