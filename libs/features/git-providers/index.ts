/** What other features and the apps may use of this one. */

export { GitProvidersApiModule, GitProvidersWorkerModule } from './git-providers.module.js';
export { ProviderAccounts } from './provider-accounts.js';
export { type FetchWish, ProviderFetch } from './provider-fetch.js';
