/** What other features may use of this one. */

export { BuildRecords } from './build-records.js';
export { SLOTS_TOPIC } from './build-slots.js';
export { BuildsApiModule, BuildsWorkerModule } from './builds.module.js';
export { endBuild, moveBuild } from './builds.state.js';
export { ImageMaker } from './image-maker.js';
export { commitTree } from './source-tree.js';
