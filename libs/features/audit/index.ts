export { namesOf } from './audit.details.js';
export { AuditApiModule } from './audit.module.js';
export { type AuditActor, type AuditEntry, recordAudit } from './audit.record.js';
