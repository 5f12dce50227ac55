/** What the audit log says about a service: its settings, of build arguments only the names. */
import { type AuditEntry, namesOf } from '#features/audit/index.js';
import { type ServiceRow, settingsOf, triggersOf } from './services.view.js';

/** Null: there is nothing before a creation and nothing after a deletion. */
export function auditedService(action: string, before: ServiceRow | null, after: ServiceRow | null): AuditEntry {
  const { id, projectId } = (after ?? before) as ServiceRow;
  const change = { ...(before ? { before: facts(before) } : {}), ...(after ? { after: facts(after) } : {}) };
  return { resource: 'service', resourceId: id, action, projectId, ...change };
}

function facts(row: ServiceRow) {
  return {
    name: row.name,
    type: row.type,
    source: row.source,
    build_config: withoutValues(row.buildConfig as object),
    resources: row.resources,
    port: row.port,
    health_check_path: row.healthCheckPath,
    replicas: row.replicas,
    schedule: row.schedule,
    time_zone: row.timeZone,
    volumes: row.volumes.map((volume) => ({ name: volume.name, mount_path: volume.mountPath })),
    ...settingsOf(row.settings),
    ...triggersOf(row.triggers),
  };
}

/** Maps are arguments and variables of the build: only their names are kept. */
function withoutValues(buildConfig: object) {
  const entries = Object.entries(buildConfig).map(([key, value]) => [key, isMap(value) ? namesOf(value) : value]);
  return Object.fromEntries(entries);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
