/** Rows -> what leaves the process. */
import type { AuditLogView } from '#contracts/audit.js';
import type { HashedFields } from './audit.link.js';
import type { AuditRow } from './audit.queries.js';

export function auditLogView(row: AuditRow): AuditLogView {
  return {
    id: row.id,
    user_id: row.user_id ?? undefined,
    user_email: row.user_email ?? undefined,
    project_id: row.project_id ?? undefined,
    resource: row.resource,
    resource_id: row.resource_id,
    action: row.action,
    details: row.details,
    ip_address: row.ip_address ?? undefined,
    user_agent: row.user_agent ?? undefined,
    created_at: new Date(row.created_ms).toISOString(),
    seq: Number(row.seq),
    hash: Buffer.from(row.hash).toString('hex'),
  };
}

export function hashedFields(row: AuditRow): HashedFields {
  return {
    tenantId: row.tenant_id,
    seq: row.seq,
    id: row.id,
    userId: row.user_id,
    userEmail: row.user_email,
    projectId: row.project_id,
    resource: row.resource,
    resourceId: row.resource_id,
    action: row.action,
    details: row.details,
    ipAddress: row.ip_address,
    userAgent: row.user_agent,
    createdAt: new Date(row.created_ms),
  };
}
