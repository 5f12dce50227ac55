/** Rows -> what leaves the process. */
import type { DatabaseBackups, DatabaseSettings, DatabaseView } from '#contracts/databases.js';
import { MASK } from '#contracts/variables.js';
import { type Access, type Engine, engineOf, type Settings } from '#drivers/engines/index.js';
import type { DatabaseRow } from './databases.queries.js';
import { KEPT_DAYS } from './databases.queries.js';
import { planOf } from './plans.js';

const DAY_MS = 86_400_000;

export interface Surroundings {
  /** Null: the reader may not see passwords. */
  access: Access | null;
  metrics: DatabaseView['metrics'];
  backups: DatabaseBackups | undefined;
  /** Where the platform is reached from outside. */
  publicHost: string;
}

export function databaseView(row: DatabaseRow, { access, metrics, backups, publicHost }: Surroundings): DatabaseView {
  const engine = engineOf(row.type);
  const ssl = hasTls(row);
  const shown = access ?? { root: '', password: MASK };
  const { cidrs } = (row.publicAccess ?? { cidrs: [] }) as { cidrs: string[] };
  return {
    id: row.id,
    name: row.name,
    type: row.type as DatabaseView['type'],
    status: row.status as DatabaseView['status'],
    connection_url: engine.url(shown, row.alias, ssl),
    version: row.version,
    plan: row.plan as DatabaseView['plan'],
    region: row.region,
    metrics,
    backups: backups ?? { enabled: false, retention: planOf(row.plan).backupRetentionDays, backups: [] },
    settings: settingsView(engine, row.observed),
    project_id: row.projectId,
    host: row.alias,
    port: portOf(engine, ssl),
    public_access:
      row.publicPort === null
        ? null
        : { cidrs, port: row.publicPort, connection_url: engine.url(shown, `${publicHost}:${row.publicPort}`, ssl) },
    links: row.links.map(({ serviceId, variable }) => ({ service_id: serviceId, variable })),
    error: row.error,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    deleted_at: row.deletedAt?.toISOString() ?? null,
    purge_at: row.deletedAt ? new Date(row.deletedAt.getTime() + KEPT_DAYS * DAY_MS).toISOString() : null,
  };
}

/** As the engine itself said. */
export function hasTls({ observed }: Pick<DatabaseRow, 'observed'>): boolean {
  return (observed as Partial<Settings> | null)?.ssl === true;
}

export function portOf(engine: Engine, ssl: boolean): number {
  return ssl && engine.tls ? engine.tls.port : engine.port;
}

function settingsView(engine: Engine, observed: unknown): DatabaseSettings {
  const told = (observed ?? {}) as DatabaseSettings;
  return Object.fromEntries(
    Object.entries(told).filter(([name]) => !engine.settings.missing.some((one) => one === name)),
  );
}
