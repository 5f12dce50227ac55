/** Rows -> what leaves the process: never the key. */
import type { DnsCheckView, DomainView } from '#contracts/domains.js';
import type { Prisma } from '#platform/prisma/prisma.service.js';
import { expiryOf } from './certificates.js';

export type DomainRow = Prisma.DomainGetPayload<object>;

export function domainView(row: DomainRow): DomainView {
  return {
    id: row.id,
    service_id: row.serviceId,
    hostname: row.hostname,
    status: row.status as DomainView['status'],
    redirect_https: row.redirectHttps,
    tls: row.tls as DomainView['tls'],
    certificate_expires_at: row.certificate ? expiryOf(row.certificate).toISOString() : null,
    dns: row.lastCheck as DnsCheckView | null,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
