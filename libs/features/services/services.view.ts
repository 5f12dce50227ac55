/** Rows -> what leaves the process. */
import { type TriggerSettings, triggerSettings } from '#contracts/service-triggers.js';
import type { ReleaseSettings, ServiceView } from '#contracts/services.js';
import { releaseSettings } from '#contracts/services.js';
import { type Config, publicUrl } from '#platform/config.js';
import type { Prisma } from '#platform/prisma/prisma.service.js';

export const serviceInclude = {
  volumes: { where: { deletedAt: null }, orderBy: { name: 'asc' } },
} satisfies Prisma.ServiceInclude;
export type ServiceRow = Prisma.ServiceGetPayload<{ include: typeof serviceInclude }>;

export function serviceView(row: ServiceRow, config: Config): ServiceView {
  return {
    id: row.id,
    project_id: row.projectId,
    name: row.name,
    type: row.type as ServiceView['type'],
    status: row.status as ServiceView['status'],
    source: row.source as ServiceView['source'],
    build_config: row.buildConfig as ServiceView['build_config'],
    resources: row.resources as ServiceView['resources'],
    url: row.type === 'web' ? serviceUrl(row.slug, config) : null,
    git_url: hasBuiltInRemote(row.source) ? `${publicUrl(config)}/git/${row.id}.git` : null,
    internal_host: row.alias,
    port: row.port,
    health_check_path: row.healthCheckPath,
    replicas: row.replicas,
    volumes: row.volumes.map(({ id, name, mountPath }) => ({ id, name, mount_path: mountPath })),
    ...settingsOf(row.settings),
    ...triggersOf(row.triggers),
    schedule: row.schedule,
    time_zone: row.timeZone,
    next_run_at: row.nextRunAt?.toISOString() ?? null,
    live_deployment_id: row.liveDeploymentId,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

export function settingsOf(json: unknown): ReleaseSettings {
  return releaseSettings.parse(json ?? {});
}

export function triggersOf(json: unknown): TriggerSettings {
  return triggerSettings.parse(json ?? {});
}

export function hasBuiltInRemote(source: unknown): boolean {
  const { type, repository } = source as { type?: string; repository?: string };
  return type !== 'image' && !repository;
}

export function serviceHost(slug: string, config: Config): string {
  return `${slug}.${config.CONTAINR_BASE_DOMAIN}`;
}

export function serviceUrl(slug: string, config: Config): string {
  const port = config.CONTAINR_INGRESS_HTTP_PORT;
  return `http://${serviceHost(slug, config)}${port === 80 ? '' : `:${port}`}`;
}
