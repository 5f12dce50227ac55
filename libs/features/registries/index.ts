/** What other features may use of this one. */

export { RegistriesApiModule } from './registries.module.js';
export { passwordPlace, RegistryLogins } from './registry-logins.js';
