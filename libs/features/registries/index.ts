/** What other features may use of this one. */

export { RegistriesApiModule } from './registries.module.js';
export { RegistryLogins } from './registry-logins.js';
