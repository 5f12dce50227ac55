/** What other features and the apps may use of this one. */

export { DomainChecks } from './domain-checks.js';
export { DomainsApiModule, DomainsWorkerModule } from './domains.module.js';
