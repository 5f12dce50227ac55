/** What other features may use of this one. */
export { DeploymentsApiModule, DeploymentsWorkerModule } from './deployments.module.js';
export { type AutomaticDeployment, DeploymentsService } from './deployments.service.js';
export { type DeploymentRow, deploymentView } from './deployments.view.js';
