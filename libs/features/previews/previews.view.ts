/** Rows -> what leaves the process. */
import type { PreviewSettingsView, PreviewView } from '#contracts/previews.js';
import { serviceUrl } from '#features/services/index.js';
import type { Config } from '#platform/config.js';
import type { Prisma } from '#platform/prisma/prisma.service.js';
import type { SecretBox } from '#platform/secrets.js';

export const previewInclude = { service: { select: { id: true, slug: true, type: true } } } as const;
export type PreviewRow = Prisma.PreviewGetPayload<{ include: typeof previewInclude }>;
export type SettingRow = Prisma.PreviewSettingGetPayload<object>;
export type Overrides = Record<string, { value: string; secret: boolean }>;

export const overridesAad = (serviceId: string) => `preview-variables:${serviceId}`;

export function overridesOf(box: SecretBox, row: SettingRow | null): Overrides {
  return row?.variables ? JSON.parse(box.open(row.variables, overridesAad(row.serviceId))) : {};
}

/** A fork's head must have been allowed; a push makes it another head. */
export function mayBuild(row: Pick<PreviewRow, 'isFork' | 'approvedCommit' | 'headCommit'>): boolean {
  return !row.isFork || row.approvedCommit === row.headCommit;
}

export function settingsView(box: SecretBox, row: SettingRow | null): PreviewSettingsView {
  return {
    enabled: row?.enabled ?? false,
    ttl_hours: row?.ttlHours ?? 72,
    variables: Object.keys(overridesOf(box, row)).sort(),
    error: row?.error ?? null,
  };
}

export function previewView(row: PreviewRow, config: Config): PreviewView {
  const status = row.closedAt ? 'closed' : mayBuild(row) ? 'open' : 'waiting_for_approval';
  const shown = row.closedAt ? null : row.service;
  return {
    number: row.number,
    title: row.title,
    author: row.author,
    pull_request_url: row.webUrl,
    branch: row.branch,
    head_commit: row.headCommit,
    is_fork: row.isFork,
    status,
    approved_commit: row.approvedCommit,
    service_id: shown?.id ?? null,
    url: shown?.type === 'web' ? serviceUrl(shown.slug, config) : null,
    expires_at: row.expiresAt.toISOString(),
    created_at: row.createdAt.toISOString(),
    closed_at: row.closedAt?.toISOString() ?? null,
    close_reason: row.closeReason,
  };
}
