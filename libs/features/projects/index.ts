export { ProjectsApiModule } from './projects.module.js';
export {
  accessibleProject,
  lockProject,
  mayIn,
  type ProjectRow,
  projectOf,
  refusal,
  requireProject,
} from './projects.queries.js';
export { PROJECT_REMOVAL, type ProjectRemoval } from './projects.service.js';
