/** What other features may use of this one. */
export { DeploymentsApiModule, DeploymentsWorkerModule } from './deployments.module.js';
export { DeploymentsService } from './deployments.service.js';
