export { type AuditEntry, recordAudit } from './audit.record.js';
