/** What other features and the apps may use of this one. */

export { DeploymentReportsWorkerModule } from './deployment-reports.module.js';
export { DeploymentReporter } from './reporter.js';
export { reportOf } from './reports.queries.js';
