import type { ApiTokenView } from '#contracts/tokens.js';
import type { Prisma } from '#platform/prisma/prisma.service.js';

export function tokenView(row: Prisma.ApiTokenGetPayload<object>): ApiTokenView {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes as ApiTokenView['scopes'],
    project_id: row.projectId,
    cidrs: row.cidrs,
    expires_at: row.expiresAt?.toISOString() ?? null,
    last_used_at: row.lastUsedAt?.toISOString() ?? null,
    created_at: row.createdAt.toISOString(),
  };
}
