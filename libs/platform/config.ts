/**
 * Every setting that comes from the environment, parsed once. `.env.example` and docs/configuration.md are generated from this schema
 * (tools/generate-config-docs.mjs). The only file of the product that reads process.env.
 */
import path from 'node:path';
import { z } from 'zod';

const port = (fallback: number, description: string) =>
  z.coerce.number().int().min(1).max(65535).default(fallback).describe(description);
const list = (description: string) =>
  z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((item) => item.trim())
        .filter(Boolean),
    )
    .describe(description);
const flag = (fallback: 'true' | 'false', description: string) =>
  z
    .enum(['true', 'false'])
    .default(fallback)
    .transform((text) => text === 'true')
    .describe(description);
const number = (fallback: number, min: number, max: number, description: string) =>
  z.coerce.number().min(min).max(max).default(fallback).describe(description);
/** `npm start` generates these into the data folder; there is no default, so nothing can run with a well-known secret. */
const secret = (description: string) =>
  z
    .string()
    .min(32, 'must be at least 32 characters; `npm start` generates one into the data folder')
    .describe(description);

export const configSchema = z.object({
  PORT: port(8080, 'Port of the API, the dashboard and the built-in git remote.'),
  CONTAINR_BIND: z.string().default('0.0.0.0').describe('Address the API listens on.'),
  CONTAINR_DATA_DIR: z
    .string()
    .default('./.containr')
    .transform((dir) => path.resolve(dir))
    .describe(
      'Everything that must survive a restart: secrets, git repositories, and the private PostgreSQL and Redis when those are used.',
    ),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must start with postgresql://')
    .describe('PostgreSQL 14 or newer. Unset: `npm start` runs a private server in the data folder.'),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'must start with redis://')
    .describe('Redis 6.2 or newer with maxmemory-policy noeviction. Unset: `npm start` runs a private server.'),
  DOCKER_HOST: z
    .string()
    .default('')
    .describe(
      'Docker Engine, e.g. unix:///var/run/docker.sock or tcp://10.0.0.5:2375. Unset: the default socket; `npm start` installs and starts dockerd when nothing answers there.',
    ),
  CONTAINR_BASE_DOMAIN: z
    .string()
    .toLowerCase()
    .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/, 'must be a host name')
    .default('apps.localhost')
    .describe('Services get <name>-<id>.<base domain>. Point a wildcard DNS record at the ingress.'),
  CONTAINR_REGION: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be lower-case letters, digits and "-"')
    .default('local')
    .describe('Label of the host that databases are made on: what users choose as region.'),
  CONTAINR_DATABASE_PORTS: z
    .string()
    .default('')
    .transform((text) => {
      const [, from = '', to = ''] = /^(\d+)-(\d+)$/.exec(text) ?? [];
      return text === '' ? null : { from: Number(from), to: Number(to) };
    })
    .refine(
      (range) => range === null || (range.from > 0 && range.from <= range.to && range.to < 65_536),
      'must be like 15432-15531',
    )
    .describe(
      'TCP ports, e.g. 15432-15531, for databases whose owners open them to given networks. Empty: no database is reached from outside.',
    ),
  CONTAINR_INGRESS_HTTP_PORT: port(8000, 'Port of the ingress for http.'),
  CONTAINR_INGRESS_HTTPS_PORT: port(8443, 'Port of the ingress for https.'),
  CONTAINR_INGRESS_BIND: list('Addresses the ingress listens on, separated by commas. Empty: all.'),
  CONTAINR_INGRESS_ADMIN: z
    .string()
    .describe('Admin endpoint of Caddy: unix:/path or http://127.0.0.1:2019. `npm start` sets it.'),
  CONTAINR_TLS: z
    .enum(['internal', 'acme'])
    .default('internal')
    .describe(
      "Who gives certificates for custom domains (and for the base domain when it is a public one): `internal` = Caddy's own CA, `acme` = an ACME CA, which needs the ingress on ports 80 and 443.",
    ),
  CONTAINR_ACME_EMAIL: z.email().optional().describe('Told to the ACME CA, for notices.'),
  CONTAINR_ACME_DIRECTORY: z.url().optional().describe("Directory URL of the ACME CA. Unset: Let's Encrypt."),
  CONTAINR_ACME_CA_FILE: z
    .string()
    .optional()
    .describe("PEM file with the root of the ACME CA's own certificate, for a private CA."),
  CONTAINR_INGRESS_ADDRESSES: list(
    'Public addresses of the ingress, separated by commas: what the DNS check of a custom domain expects. Empty: what the base domain resolves to.',
  ),
  CONTAINR_DNS_SERVERS: list(
    'Name servers (address or address:port) for the DNS check of custom domains. Empty: those of the system.',
  ),
  CONTAINR_EGRESS_ALLOW: list(
    'Hosts and CIDRs, separated by commas, that user-given URLs may reach although they are loopback or link-local.',
  ),
  CONTAINR_EGRESS_DENY: list(
    'Hosts and CIDRs that user-given URLs may not reach, e.g. 10.0.0.0/8. Private LAN ranges are allowed unless listed here. Wins over CONTAINR_EGRESS_ALLOW.',
  ),
  CONTAINR_JWT_KEY: secret('Key that signs session tokens (HS256).'),
  CONTAINR_ENCRYPTION_KEY: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits (32 bytes); `npm start` generates one into the data folder')
    .describe('Key that encrypts variables and tokens at rest (AES-256-GCM). Losing it loses them.'),
  CONTAINR_PUBLIC_URL: z
    .url()
    .optional()
    .describe('URL under which users reach the API, for links and git remotes. Unset: http://localhost:<PORT>.'),
  CONTAINR_TRUST_PROXY: flag('false', 'Believe X-Forwarded-For of the peer: only behind a reverse proxy of your own.'),
  CONTAINR_GIT_POLL_SECONDS: number(
    120,
    0,
    86_400,
    'Seconds between two looks at the branch of a service with an external repository, for pushes that no webhook told of; up to 2.5 times as long where nothing happens. 0: never.',
  ),
  CONTAINR_SESSION_HOURS: number(168, 1, 8760, 'Hours a session token is valid.'),
  CONTAINR_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('Least severe level that is logged.'),
  CONTAINR_METRICS_TOKEN: z
    .string()
    .min(16, 'must be at least 16 characters')
    .optional()
    .describe(
      'Token for GET /metrics: send it as Authorization: Bearer <token>. Unset: only this machine itself may read it, and not through a proxy.',
    ),
  CONTAINR_SHUTDOWN_DELAY_SECONDS: number(
    0,
    0,
    300,
    'Seconds that the API goes on answering after SIGTERM while /readyz says 503, so that a load balancer stops sending requests first.',
  ),
  CONTAINR_OTEL_ENDPOINT: z
    .url()
    .optional()
    .describe(
      'OpenTelemetry collector for traces of requests and runs (OTLP over HTTP), e.g. http://127.0.0.1:4318. Unset: nothing is traced.',
    ),
  CONTAINR_WORKER_CONCURRENCY: number(4, 1, 64, 'Runs that one worker executes at once.'),
  CONTAINR_BUILD_CPUS: number(2, 0.1, 256, 'CPU cores a build may use.'),
  CONTAINR_BUILD_MEMORY_MB: number(4096, 128, 1048576, 'Memory in MiB a build may use.'),
  CONTAINR_BUILD_CONCURRENCY: number(
    0,
    0,
    256,
    'Builds that run at once on the host; 0: one per core. Others wait in a line that is fair between projects.',
  ),
  CONTAINR_BUILD_SOURCE_DIR: z
    .string()
    .transform((dir) => path.resolve(dir))
    .optional()
    .describe(
      'Folder below which builds may take their source_path. Every user may build what is in it. Unset: source_path is refused.',
    ),
  CONTAINR_BUILD_CA_FILE: z
    .string()
    .transform((file) => path.resolve(file))
    .optional()
    .describe(
      'PEM file with all certificate authorities, own and public, that npm, pip and the like trust in generated Dockerfiles: for networks that inspect TLS.',
    ),
  CONTAINR_BUILD_PATH: z
    .string()
    .default('/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')
    .describe('Folders, separated by colons, in which railpack and nixpacks are looked for.'),
  CONTAINR_BUILD_TIMEOUT_SECONDS: number(1800, 10, 86400, 'Seconds until a build is given up.'),
  CONTAINR_DISK_MIN_FREE_GB: number(
    0,
    0,
    1048576,
    'GiB that must stay free on the disks of the data folder and of a local Docker Engine: below, builds are refused with 507 `disk_low`. 0: 5 % of the disk, at least 2 and at most 20 GiB.',
  ),
  CONTAINR_IMAGE_BUDGET_GB: number(
    20,
    0.1,
    1048576,
    'GiB that the images of all services may take by themselves (layers that several images share do not count). Above, the oldest ones that nothing needs are removed.',
  ),
  CONTAINR_IMAGE_KEEP: number(
    3,
    1,
    100,
    'Images of earlier releases that each service keeps for rollbacks, beside the live one.',
  ),
  CONTAINR_BUILD_CACHE_BUDGET_GB: number(
    0,
    0,
    1048576,
    'GiB that the build cache of the Docker Engine may take. 0: it is left alone, because it cannot be known whose a part of it is. Set it only when the engine is ours alone; `npm start` sets 10 when it has started dockerd itself.',
  ),
  CONTAINR_BACKUP_DIR: z
    .string()
    .transform((dir) => path.resolve(dir))
    .optional()
    .describe(
      'Folder for backups that have no target of their own, best on another disk. It must exist: backups fail loudly when its disk is not mounted. Unset: `backups` in the data folder, which is made.',
    ),
  CONTAINR_LOG_RETENTION_DAYS: number(
    30,
    1,
    3650,
    'Days that stored logs of builds and releases, and events with the deliveries of webhooks, are kept.',
  ),
  CONTAINR_METRICS_RETENTION_DAYS: number(2, 1, 3650, 'Days that samples of service metrics are kept.'),
  CONTAINR_HISTORY_RETENTION_DAYS: number(
    90,
    1,
    3650,
    'Days that finished runs and executions, and the rows of deleted services, are kept; the newest of each service stay longer.',
  ),
});

export type Config = z.output<typeof configSchema>;
/** Injection token of the parsed configuration. */
export const CONFIG = Symbol('CONFIG');

/** @throws Error that lists every wrong or missing variable at once. */
export function parseConfig(environment: Record<string, string | undefined> = process.env): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const result = configSchema.safeParse(given);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`The configuration is not usable:\n${problems.join('\n')}\nSee docs/configuration.md.`);
}

export function publicUrl(config: Config): string {
  return (config.CONTAINR_PUBLIC_URL ?? `http://localhost:${config.PORT}`).replace(/\/$/, '');
}
