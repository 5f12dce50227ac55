/** What the apps may use of this feature. */

export { PreviewKeeper } from './preview-keeper.js';
export { PreviewsApiModule, PreviewsWorkerModule } from './previews.module.js';
