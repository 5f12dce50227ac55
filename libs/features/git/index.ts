/** What other features may use of this one. */
export { GitApiModule } from './git.module.js';
export { PUSH_DEPLOYER, type PushDeployer } from './push-deployer.js';
