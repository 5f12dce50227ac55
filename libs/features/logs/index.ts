/** What other features may use of this one. */

export { type BuildEvent, type BuildLine, BuildLines, type DeploymentProgress, isFinal } from './build-lines.js';
export { BuildLogs, type BuildLogWriter, deploymentTopic } from './build-log.js';
export { DeploymentLogs } from './deployment-logs.js';
export { LogsApiModule } from './logs.module.js';
