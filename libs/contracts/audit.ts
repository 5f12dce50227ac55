/** The audit log: who changed what, when, from where. */
import { z } from 'zod';

const word = z
  .string()
  .min(1)
  .max(50)
  .regex(/^[\w.-]+$/, 'must be one word');
const limit = z.coerce.number().int().min(1).max(100).default(50).describe('Number of entries per page.');
const cursor = z
  .string()
  .max(200)
  .optional()
  .describe('`next_cursor` of the page before, with the same filters. Takes the place of `page`.');

export const auditLogListQuery = z.object({
  resource: word.optional().describe('Filter audit logs by resource type, e.g. `service`.'),
  action: word.optional().describe('Filter audit logs by action type, e.g. `update`.'),
  project_id: z
    .guid()
    .optional()
    .describe('The log of one project instead of your own; for its owner and its administrators.'),
  user_id: z.guid().optional().describe('Who did it. Not together with `resource` or `action`.'),
  page: z.coerce.number().int().min(1).default(1).describe('1-based page number.'),
  limit,
  cursor,
});
export type AuditLogListQuery = z.output<typeof auditLogListQuery>;

export const resourceAuditLogQuery = z.object({ limit, cursor });
export type ResourceAuditLogQuery = z.output<typeof resourceAuditLogQuery>;

export const resourceAuditLogParams = z.object({
  resource: word.describe('Resource type, e.g. `service`.'),
  id: z.string().min(1).max(200).describe('Resource ID.'),
});

export const auditLog = z
  .object({
    id: z.string().describe('Audit log ID.'),
    user_id: z.string().optional().describe('User ID that triggered action. Left out: the platform itself.'),
    user_email: z.string().optional().describe('User email snapshot.'),
    project_id: z.string().optional().describe('Project it happened in.'),
    resource: z.string().describe('Resource type.'),
    resource_id: z.string().describe('Resource ID.'),
    action: z.string().describe('Action type.'),
    details: z.string().describe('JSON-encoded action details: `before` and `after`, without secrets.'),
    ip_address: z.string().optional().describe('Source IP address.'),
    user_agent: z.string().optional().describe('Source user agent.'),
    created_at: z.iso.datetime().describe('Timestamp when the audit log entry was created.'),
    seq: z.int().describe('Place in its hash chain.'),
    hash: z.string().describe('sha256 over the entry and the hash of the one before it in its chain, hexadecimal.'),
  })
  .meta({ id: 'AuditLog' });
export type AuditLogView = z.output<typeof auditLog>;

export const auditLogList = z
  .object({
    audit_logs: z.array(auditLog),
    next_cursor: z.string().nullable().describe('Null on the last page.'),
    total: z
      .int()
      .optional()
      .describe('Exact without filters; with filters 10001 means more than 10,000. Left out with `cursor`.'),
  })
  .meta({ id: 'AuditLogListResponse' });
export type AuditLogList = z.output<typeof auditLogList>;

export const auditVerification = z
  .object({
    valid: z.boolean(),
    checked: z.int().describe('Entries that were found in order and unchanged.'),
    broken_at: z.int().optional().describe('`seq` of the first place where the chain does not hold.'),
    reason: z
      .enum(['changed', 'missing', 'unexpected'])
      .optional()
      .describe(
        '`changed`: this entry or the hash of the one before it is not what was written; `missing`: it is gone; `unexpected`: there is one after the newest that was recorded.',
      ),
    head: z
      .string()
      .optional()
      .describe('Hash of the newest entry. Kept elsewhere, it proves later that nothing up to it was written anew.'),
  })
  .meta({ id: 'AuditVerification' });
export type AuditVerification = z.output<typeof auditVerification>;
