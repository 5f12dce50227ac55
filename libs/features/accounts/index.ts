export { AccountsApiModule } from './accounts.module.js';
export { Sessions } from './sessions.js';
export { requireAdministrator } from './settings.service.js';
