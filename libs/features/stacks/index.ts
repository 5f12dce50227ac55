/** What other features may use of this one. */
export {
  type DatabasePart,
  databaseNote,
  databaseOfImage,
  databasePart,
  ENGINE_NAMES,
  type EngineName,
  engineVersions,
} from './database-parts.js';
export { inOrder, type StackPart } from './stack.js';
export { StacksModule } from './stacks.module.js';
export { type CreatedPart, StacksService } from './stacks.service.js';
export { createdService, plannedService, sourceOf } from './stacks.view.js';
