/** Managed databases. Field names of the contract; fields beyond it are marked. */
import { z } from 'zod';
import { singleLine } from './common.js';
import { variableKey } from './variables.js';

export const databaseType = z
  .enum(['postgresql', 'redis', 'mysql', 'mariadb', 'mongodb', 'clickhouse', 'dragonfly'])
  .meta({ id: 'DatabaseType' });
export const databasePlanName = z.enum(['hobby', 'starter', 'standard', 'business']).meta({ id: 'DatabasePlanName' });
export type DatabasePlanName = z.output<typeof databasePlanName>;
const databaseStatus = z.enum(['running', 'stopped', 'building', 'error']);
export type DatabaseStatus = z.output<typeof databaseStatus>;

const name = singleLine(1, 100).describe('Unique in the project. The host name is made of it once and then stays.');
const region = z.string().trim().min(1).max(100);

/** What can be set; what is not given stays as it is. */
const settingFields = {
  max_connections: z.int().min(5).max(10_000).describe('Connections at once. Default: by plan.'),
  timeout: z.int().min(0).max(86_400).describe('Seconds after which an idle connection is closed; 0: never.'),
  ssl: z.boolean().describe('Whether TLS is offered, with a certificate of the CA at GET /databases/ca.'),
  logging: z.boolean().describe('Whether the engine logs more than usual: statements where it can.'),
};

export const createDatabaseRequest = z
  .object({
    name,
    type: databaseType,
    plan: databasePlanName,
    region: region.describe('One of GET /regions.'),
    project_id: z
      .guid()
      .optional()
      .describe("Beside the contract. Without it: the caller's project named Default, made on first use."),
    version: z
      .string()
      .max(50)
      .optional()
      .describe(
        'Beside the contract. Exact or its beginning, e.g. "15"; default: the one that GET /databases/engines shows first.',
      ),
  })
  .meta({ id: 'CreateDatabaseRequest' });
export type CreateDatabaseRequest = z.output<typeof createDatabaseRequest>;

export const updateDatabaseRequest = z
  .object({ name, plan: databasePlanName, settings: z.object(settingFields).partial() })
  .partial()
  .meta({ id: 'UpdateDatabaseRequest' });
export type UpdateDatabaseRequest = z.output<typeof updateDatabaseRequest>;

const figure = (description: string) => z.number().nullable().describe(description);
const measured = {
  cpu: figure('Cores in use, on average.'),
  memory: figure('Bytes in use.'),
  storage: figure('Bytes of data, as the engine counts them.'),
  connections: z.int().nullable().describe('Open connections without those of the platform.'),
  read_iops: z.int().nullable().describe('Reads from disk per second, as the engine counts them.'),
  write_iops: z.int().nullable().describe('Writes to disk per second, as the engine counts them.'),
  network_in: figure('Bytes received in the interval.'),
  network_out: figure('Bytes sent in the interval.'),
};
/** A figure that nobody measured is missing: the contract knows no null there. */
export const databaseMetrics = z
  .object({
    cpu: z.number(),
    memory: z.number(),
    storage: z.number(),
    connections: z.int(),
    read_iops: z.int(),
    write_iops: z.int(),
    network_in: z.number(),
    network_out: z.number(),
  })
  .partial()
  .meta({ id: 'DatabaseMetrics' })
  .describe(
    'The newest sample of 15 seconds, units as in DatabaseMetricsPoint. A figure that nobody measured is missing.',
  );

const backupView = z
  .object({
    id: z.string(),
    created_at: z.iso.datetime(),
    size: z.string(),
    status: z.enum(['completed', 'failed', 'in_progress']),
  })
  .meta({ id: 'DatabaseBackup' });
export const databaseBackups = z
  .object({
    enabled: z.boolean(),
    last_backup: z.iso.datetime().optional(),
    retention: z.int().describe('Days.'),
    next_backup: z.iso.datetime().optional(),
    backups: z.array(backupView),
  })
  .meta({ id: 'DatabaseBackupConfig' });
export type DatabaseBackups = z.output<typeof databaseBackups>;

export const databaseSettings = z
  .object({ max_connections: z.int(), timeout: z.int(), ssl: z.boolean(), logging: z.boolean() })
  .partial()
  .meta({ id: 'DatabaseSettings' })
  .describe('As the engine itself said last. What it does not have is missing, and so is everything until it has run.');
export type DatabaseSettings = z.output<typeof databaseSettings>;

export const database = z
  .object({
    id: z.uuid(),
    name: z.string(),
    type: databaseType,
    status: databaseStatus,
    connection_url: z
      .string()
      .describe('For services of the project. The password is shown to those who may change the database.'),
    version: z.string(),
    plan: databasePlanName,
    region: z.string(),
    metrics: databaseMetrics,
    backups: databaseBackups,
    settings: databaseSettings,
    project_id: z.uuid(),
    host: z.string().describe('Host name inside the project.'),
    port: z.int(),
    public_access: z
      .object({ cidrs: z.array(z.string()), port: z.int(), connection_url: z.string() })
      .nullable()
      .describe('Null: reached from the project only.'),
    links: z.array(z.object({ service_id: z.uuid(), variable: z.string() })),
    error: z.string().nullable().describe('Why the status is `error`.'),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    deleted_at: z.iso.datetime().nullable(),
    purge_at: z.iso.datetime().nullable().describe('When the data of a deleted database goes for good.'),
  })
  .meta({ id: 'Database' });
export type DatabaseView = z.output<typeof database>;

export const databaseListQuery = z.object({
  project_id: z.guid().optional().describe('Only those of this project.'),
  deleted: z
    .enum(['true', 'false'])
    .default('false')
    .describe('`true`: deleted ones whose data is still there, instead of the others.'),
});
export const databaseListResponse = z.object({ databases: z.array(database) }).meta({ id: 'DatabaseListResponse' });

export const databaseCreateResponse = z
  .object({ id: z.uuid(), message: z.string(), status: z.literal('building') })
  .meta({ id: 'DatabaseCreateResponse' });

export const databaseActionRequest = z
  .object({ action: z.enum(['start', 'stop', 'restart']) })
  .meta({ id: 'DatabaseActionRequest' });
export type DatabaseAction = z.output<typeof databaseActionRequest>['action'];
export const databaseActionResponse = z
  .object({ message: z.string(), status: databaseStatus })
  .meta({ id: 'DatabaseActionResponse' });

export const databaseDeleteQuery = z.object({
  force: z.enum(['true', 'false']).default('false').describe('`true`: also while services are linked to it.'),
});

export const databasePlan = z
  .object({
    name: databasePlanName,
    cpu: z.number().describe('Cores.'),
    memory_bytes: z.int(),
    storage_bytes: z
      .int()
      .describe('What the plan is meant for. It is measured; nothing stops a database that grows beyond it.'),
    max_connections: z.int(),
    backup_retention_days: z.int(),
  })
  .meta({ id: 'DatabasePlan' });
export const databasePlansResponse = z.object({ plans: z.array(databasePlan) }).meta({ id: 'DatabasePlansResponse' });
export const databaseEnginesResponse = z
  .object({
    engines: z.array(
      z.object({
        type: databaseType,
        name: z.string(),
        versions: z.array(z.string()).describe('Exact, the default first.'),
        variable: z.string(),
      }),
    ),
  })
  .meta({ id: 'DatabaseEnginesResponse' });
export const regionsResponse = z
  .object({ regions: z.array(z.object({ name: z.string(), hosts: z.int() })) })
  .meta({ id: 'RegionsResponse' });

export const databaseLinkRequest = z
  .object({
    service_id: z.guid(),
    prefix: z
      .string()
      .max(100)
      .regex(/^([A-Za-z_][A-Za-z0-9_]*)?$/, 'must be letters, digits and underscores, not starting with a digit')
      .default('')
      .describe('Goes before the name of the variable, for a second database: "CACHE_" makes CACHE_REDIS_URL.'),
  })
  .meta({ id: 'DatabaseLinkRequest' });
export type DatabaseLinkRequest = z.output<typeof databaseLinkRequest>;
export const databaseLinkResponse = z
  .object({
    service_id: z.uuid(),
    variable: variableKey,
    value: z.string().describe('A reference, resolved when the service is deployed.'),
    message: z.string(),
    redeploy: z
      .object({ method: z.literal('POST'), path: z.string(), body: z.record(z.string(), z.string()) })
      .nullable()
      .describe('The request that lets what runs now use it; null when nothing runs.'),
  })
  .meta({ id: 'DatabaseLinkResponse' });

/** Every sign that can be printed is fine; whoever puts it into a URL by hand must encode it. */
export const databasePasswordRequest = z
  .object({
    password: z
      .string()
      .min(8)
      .max(128)
      .regex(/^[\x20-\x7e]+$/, 'must be printable ASCII characters')
      .optional()
      .describe('Default: 32 letters and digits are generated.'),
  })
  .meta({ id: 'DatabasePasswordRequest' });
export const databaseAuthority = z
  .object({ certificate: z.string().describe('PEM.') })
  .meta({ id: 'DatabaseAuthority' });
export const databaseActionMessage = z.object({ message: z.string() });

export const databaseQueryRequest = z
  .object({
    query: z
      .string()
      .min(1)
      .max(100_000)
      .refine((text) => !text.includes('\0'), 'must not contain a NUL character')
      .describe('In the language of the engine; for redis one command.'),
    read_only: z.boolean().default(true).describe('By default as a user who cannot change anything.'),
    database: singleLine(1, 63).optional().describe('Default: app.'),
    timeout: z.int().min(1).max(60).default(10).describe('Seconds.'),
    limit: z.int().min(1).max(10_000).default(1000).describe('Rows; the answer says whether there were more.'),
  })
  .meta({ id: 'DatabaseQueryRequest' });
export type DatabaseQueryRequest = z.output<typeof databaseQueryRequest>;
export const databaseQueryResponse = z
  .object({
    columns: z.array(z.string()),
    rows: z.array(z.array(z.string().nullable())).describe('Values as text; null is NULL.'),
    truncated: z.boolean().describe('There were more rows than the limit, or more than 4 MiB.'),
    duration_ms: z.int(),
  })
  .meta({ id: 'DatabaseQueryResponse' });

/** Names of users and databases inside an engine: one line, any signs that can be printed. */
const tenantName = singleLine(1, 63).refine((text) => !/^(pg_|containr)/i.test(text), 'is reserved');
export const databaseTenantRequest = z.object({ name: tenantName }).meta({ id: 'DatabaseTenantRequest' });
export const databaseUsersResponse = z.object({ users: z.array(z.string()) }).meta({ id: 'DatabaseUsersResponse' });
export const databaseNamesResponse = z.object({ databases: z.array(z.string()) }).meta({ id: 'DatabaseNamesResponse' });
export const databaseUserCreated = z
  .object({ name: z.string(), password: z.string().describe('Shown this once.'), connection_url: z.string() })
  .meta({ id: 'DatabaseUserCreated' });
export const tenantParams = z.object({ name: z.string().min(1).max(63) });

export const databaseMetricsQuery = z.object({
  from: z.iso.datetime({ offset: true }).optional().describe('Begin, RFC 3339. Default: an hour before `to`.'),
  to: z.iso.datetime({ offset: true }).optional().describe('End, RFC 3339. Default: now.'),
});
export type DatabaseMetricsQuery = z.output<typeof databaseMetricsQuery>;
export const databaseMetricsPoint = z
  .object({ at: z.iso.datetime().describe('End of the interval.'), ...measured })
  .meta({ id: 'DatabaseMetricsPoint' });
export type DatabaseMetricsPoint = z.output<typeof databaseMetricsPoint>;
export const databaseMetricsResponse = z
  .object({
    database_id: z.uuid(),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    step: z.int().describe('Seconds per point: 15 within the last 24 hours, otherwise 300.'),
    points: z.array(databaseMetricsPoint).describe('Oldest first; what was not measured is missing.'),
  })
  .meta({ id: 'DatabaseMetricsResponse' });
export const databasePublicRequest = z
  .object({
    cidrs: z
      .array(z.string().max(50))
      .max(50)
      .describe('Networks that may connect, e.g. ["203.0.113.0/24"]. Empty: public access is off.'),
  })
  .meta({ id: 'DatabasePublicRequest' });
