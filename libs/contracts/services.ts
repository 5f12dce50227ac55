/** Services: what is deployed, how it is built, run and reached. Field names of the contract; fields beyond it are marked. */
import { z } from 'zod';
import { singleLine } from './common.js';
import { serviceSource } from './service-source.js';
import { givenTriggers, triggerSettings } from './service-triggers.js';
import { variableKey, variableValue } from './variables.js';

export const serviceType = z.enum(['web', 'worker', 'cron', 'database']).meta({ id: 'ServiceType' });
export type ServiceType = z.output<typeof serviceType>;

const command = z
  .string()
  .trim()
  .min(1)
  .max(4096)
  .refine((text) => !text.includes('\0'), 'must not contain a NUL character');

/** One argument of a program, as it is: no shell looks at it. */
const argument = z
  .string()
  .max(4096)
  .refine((text) => !text.includes('\0'), 'must not contain a NUL character');
const argv = z.array(argument).max(100);

export const buildConfig = z
  .object({
    builder_type: z
      .enum(['nixpacks', 'dockerfile', 'image', 'railpack'])
      .optional()
      .describe('Build system type; detected when omitted.'),
    build_command: command.optional().describe('Custom build command.'),
    start_command: command.optional().describe("Custom start command; replaces the image's entrypoint and command."),
    entrypoint: argv
      .min(1)
      .optional()
      .describe("Replaces the image's entrypoint and command, argument by argument. `start_command` goes before it."),
    arguments: argv
      .min(1)
      .optional()
      .describe("Arguments for the entrypoint, instead of the image's command. No shell expands them."),
    environment_variables: z
      .record(variableKey, variableValue)
      .optional()
      .describe('Build environment variables, given to a Dockerfile that declares them with ARG.'),
  })
  .meta({ id: 'BuildConfig' });
export type BuildConfig = z.output<typeof buildConfig>;

const UNITS: Record<string, number> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};

/** "512Mi", "512MB", "1g", "1073741824" -> bytes; null when it is not an amount. */
export function parseBytes(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?$/i.exec(text.trim());
  return match ? Math.round(Number(match[1]) * (UNITS[(match[2] ?? '').toLowerCase()] ?? 1)) : null;
}

/** "0.5", "500m", "2" -> cores; null when it is not an amount. */
export function parseCpus(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(m)?$/.exec(text.trim());
  return match ? Number(match[1]) / (match[2] ? 1000 : 1) : null;
}

const amount = (parse: (text: string) => number | null, min: number, max: number, rule: string) =>
  z
    .union([z.string(), z.number()])
    .transform(String)
    .refine((text) => {
      const value = parse(text);
      return value !== null && value >= min && value <= max;
    }, rule);

export const resourceConfig = z
  .object({
    cpu: amount(parseCpus, 0.01, 256, 'must be CPU cores from 0.01 to 256, e.g. "0.5" or "500m"')
      .optional()
      .describe('CPU allocation, e.g. "0.5" or "500m". Default 1.'),
    memory: amount(parseBytes, 16 * 2 ** 20, 4 * 2 ** 40, 'must be an amount from 16Mi to 4Ti, e.g. "512Mi" or "1Gi"')
      .optional()
      .describe('Memory allocation, e.g. "512Mi". Default 512Mi.'),
    storage: amount(parseBytes, 2 ** 20, 64 * 2 ** 40, 'must be an amount from 1Mi to 64Ti, e.g. "10Gi"')
      .optional()
      .describe('Storage allocation.'),
  })
  .meta({ id: 'ResourceConfig' });
export type ResourceConfig = z.output<typeof resourceConfig>;

export const volumeMount = z
  .object({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_.-]{0,62}$/, 'must be lower-case letters, digits, "-", "_", "." (at most 63)'),
    mount_path: z
      .string()
      .max(1024)
      .regex(/^\/[^\0]*$/, 'must be an absolute path')
      .transform((path) => path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1'))
      .refine((path) => !path.split('/').includes('..'), 'must not contain ".."')
      .refine((path) => !/^\/($|proc(\/|$)|sys(\/|$)|dev(\/|$))/.test(path), 'must not be /, /proc, /sys or /dev'),
  })
  .meta({ id: 'VolumeMount' });
export type VolumeMount = z.output<typeof volumeMount>;

const volumes = z
  .array(volumeMount)
  .max(16)
  .refine((list) => new Set(list.map((volume) => volume.name)).size === list.length, 'volume names must be different')
  .refine(
    (list) => new Set(list.map((volume) => volume.mount_path)).size === list.length,
    'mount paths must be different',
  );

const seconds = (min: number, max: number) => z.int().min(min).max(max);

/** How a release starts and stops. Seconds. */
const settingFields = {
  health_check_timeout: seconds(1, 3600).describe('Seconds until a new release that is not healthy is given up.'),
  drain_timeout: seconds(0, 3600).describe('Longest wait in seconds for requests in flight on the old release.'),
  stop_grace_period: seconds(0, 300).describe('Seconds between the stop signal and SIGKILL.'),
  stop_signal: z
    .enum(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGKILL'])
    .nullable()
    .describe("Null: the image's own."),
  execution_timeout: seconds(1, 86_400).describe('Cron: seconds until an execution is stopped.'),
};

/** Complete: what is not given has its default. */
export const releaseSettings = z.object({
  health_check_timeout: settingFields.health_check_timeout.default(120),
  drain_timeout: settingFields.drain_timeout.default(30),
  stop_grace_period: settingFields.stop_grace_period.default(10),
  stop_signal: settingFields.stop_signal.default(null),
  execution_timeout: settingFields.execution_timeout.default(3600),
});
/** As given: what is not given stays as it is. zod would fill defaults in even when a field is optional. */
export const givenSettings = z.object(settingFields).partial();
export type ReleaseSettings = z.output<typeof releaseSettings>;

const port = z.int().min(1).max(65_535);
const healthPath = z
  .string()
  .max(1024)
  .regex(/^\/[^\s#\p{Cc}]*$/u, 'must be a path that starts with "/"');

const writable = {
  name: singleLine(1, 100).describe('Service name, unique in the project.'),
  source: serviceSource,
  build_config: buildConfig,
  resources: resourceConfig,
  port: port
    .nullable()
    .describe(
      "Port the app listens on. Null: the variable PORT, else the image's single EXPOSE, else 3000. A worker that has one is ready when it answers there.",
    ),
  health_check_path: healthPath
    .nullable()
    .describe('HTTP path that answers 2xx or 3xx when the app is ready. Null: a TCP connection is enough.'),
  replicas: z.int().min(1).max(20).describe('Containers behind the route.'),
  volumes: volumes.describe('Named volumes; they survive deployments. Leaving one out detaches it and keeps its data.'),
  schedule: z.string().trim().max(100).nullable().describe('Cron only: five fields, e.g. "*/5 * * * *".'),
  time_zone: z.string().max(64).nullable().describe('Cron only: IANA name. Default UTC.'),
};

export const createServiceRequest = z
  .object({
    ...z.object(writable).partial().shape,
    ...givenSettings.shape,
    ...givenTriggers.shape,
    name: writable.name,
    type: serviceType,
  })
  .meta({ id: 'CreateServiceRequest' });
export type CreateServiceRequest = z.output<typeof createServiceRequest>;

export const updateServiceRequest = z
  .object({ ...z.object(writable).partial().shape, ...givenSettings.shape, ...givenTriggers.shape })
  .meta({ id: 'UpdateServiceRequest' });
export type UpdateServiceRequest = z.output<typeof updateServiceRequest>;

export const service = z
  .object({
    id: z.uuid(),
    project_id: z.uuid(),
    name: z.string(),
    type: serviceType,
    status: z.enum(['running', 'stopped', 'building', 'failed']),
    source: z
      .object({
        type: z.string(),
        repository: z.string(),
        provider_id: z.string(),
        branch: z.string(),
        root_directory: z.string(),
        dockerfile: z.string(),
        image: z.string(),
      })
      .partial(),
    build_config: z
      .object({
        builder_type: z.string(),
        build_command: z.string(),
        start_command: z.string(),
        entrypoint: z.array(z.string()),
        arguments: z.array(z.string()),
        environment_variables: z.record(z.string(), z.string()),
      })
      .partial(),
    resources: z.object({ cpu: z.string(), memory: z.string(), storage: z.string() }).partial(),
    url: z.string().nullable().describe('Public URL of a web service.'),
    git_url: z
      .string()
      .nullable()
      .describe('Built-in git remote; log in with any user name and your token as password.'),
    internal_host: z.string().describe('Host name for other services of the project.'),
    port: z.int().nullable(),
    health_check_path: z.string().nullable(),
    replicas: z.int(),
    volumes: z.array(z.object({ id: z.uuid(), name: z.string(), mount_path: z.string() })),
    ...z.object(releaseSettings.shape).shape,
    ...triggerSettings.shape,
    schedule: z.string().nullable(),
    time_zone: z.string().nullable(),
    next_run_at: z.iso.datetime().nullable(),
    live_deployment_id: z.uuid().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Service' });
export type ServiceView = z.output<typeof service>;

export const serviceAction = z
  .object({ action: z.enum(['start', 'stop', 'restart']) })
  .meta({ id: 'ServiceActionRequest' });
export const serviceActionResponse = z
  .object({ message: z.string(), status: z.string(), deployment_id: z.uuid().nullable() })
  .meta({ id: 'ServiceActionResponse' });

export const volumeView = z
  .object({
    id: z.uuid(),
    project_id: z.uuid(),
    service_id: z.uuid(),
    name: z.string(),
    mount_path: z.string(),
    status: z
      .enum(['attached', 'detached'])
      .describe(
        '`detached`: its service or project is gone or no longer uses it; the data is kept until it is deleted.',
      ),
    created_at: z.iso.datetime(),
    detached_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Volume' });
export const volumesResponse = z.object({ volumes: z.array(volumeView) }).meta({ id: 'VolumesResponse' });
