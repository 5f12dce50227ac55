/** What other features may use of this one. */
export { hostsOf, routeHosts, servicesAt } from './hosts.queries.js';
export { auditedService } from './services.audit.js';
export { ServicesApiModule } from './services.module.js';
export { lockService, requireService } from './services.queries.js';
export { executionLock, removeServices, removeServicesOf, SERVICE_DELETE, serviceLock } from './services.removal.js';
export { hostLabel, looksSecret, nextRun } from './services.rules.js';
export { newIdentity, SERVICES_TOPIC, type ServiceIdentity, ServicesService } from './services.service.js';
export { refreshServiceStatus } from './services.state.js';
export {
  hasBuiltInRemote,
  type ServiceRow,
  serviceHost,
  serviceInclude,
  serviceUrl,
  settingsOf,
  triggersOf,
} from './services.view.js';
export { openVariables, VariablesService, variableAad } from './variables.service.js';
export { volumeName } from './volumes.queries.js';
export { VOLUME_PURGE } from './volumes.service.js';
