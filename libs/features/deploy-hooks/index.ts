/** What the apps may use of this feature. */
export { DeployHooksApiModule } from './deploy-hooks.module.js';
