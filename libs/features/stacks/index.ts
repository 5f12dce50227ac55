/** What other features may use of this one. */
export {
  DATABASE_ENGINES,
  type DatabaseEngine,
  databaseOfImage,
  engineVersions,
  isManaged,
  type PrivateDatabase,
  valkeyPart,
} from './database-parts.js';
export { type DatabasePart, inOrder, isDatabase, type ServicePart, type StackPart } from './stack.js';
export { StacksModule } from './stacks.module.js';
export { type CreatedPart, StacksService } from './stacks.service.js';
export { createdPart, databaseNote, plannedPart, sourceOf } from './stacks.view.js';
