export { ProjectsApiModule } from './projects.module.js';
export { accessibleProject, lockProject, type ProjectRow, requireProject } from './projects.queries.js';
export { PROJECT_REMOVAL, type ProjectRemoval } from './projects.service.js';
