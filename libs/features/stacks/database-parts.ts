/**
 * What a database of a template or a compose file becomes. The one place that decides it. A template's database is a managed database when
 * there is such an engine; other databases are private services made of the engine's official image with a named volume.
 */
import type { CreateServiceRequest } from '#contracts/services.js';
import { ENGINE_KINDS, ENGINES, type EngineKind } from '#drivers/engines/index.js';

export type DatabaseEngine = EngineKind | 'valkey';
export const DATABASE_ENGINES = [...ENGINE_KINDS, 'valkey'] as const satisfies readonly DatabaseEngine[];

export function isManaged(engine: DatabaseEngine): engine is EngineKind {
  return engine !== 'valkey';
}

/** Exact tags, the default first. */
export function engineVersions(engine: DatabaseEngine): readonly string[] {
  return isManaged(engine) ? ENGINES[engine].versions : VALKEY_VERSIONS;
}

/** A private service as templates write their parts: the same fields, so that references work alike. */
export interface PrivateDatabase {
  request: Omit<CreateServiceRequest, 'name'>;
  environment: Record<string, string>;
  outputs: Record<string, string>;
}

const VALKEY_VERSIONS = ['8.1.1'];

/** Seconds: the first start writes a data directory, on slow disks for a while. */
const FIRST_START = 300;

/** Its first start keeps the port closed until the data directory is set up, so a connection means ready. */
export function valkeyPart(version = VALKEY_VERSIONS[0]): PrivateDatabase {
  return {
    request: {
      type: 'worker',
      source: { type: 'image', image: `valkey/valkey:${version}` },
      // A shell expands the password.
      build_config: {
        start_command: 'exec docker-entrypoint.sh valkey-server --appendonly yes --requirepass "$VALKEY_PASSWORD"',
      },
      port: 6379,
      health_check_timeout: FIRST_START,
      stop_grace_period: 60,
      resources: { memory: '256Mi' },
      volumes: [{ name: 'data', mount_path: '/data' }],
    },
    environment: { VALKEY_PASSWORD: '${{password(32)}}' },
    outputs: {
      PASSWORD: '${{self.VALKEY_PASSWORD}}',
      URL: 'redis://:${{self.VALKEY_PASSWORD}}@${{self.HOST}}:6379',
    },
  };
}

/** Repositories whose images are databases, for compose files. */
const IMAGES = [
  {
    name: 'PostgreSQL',
    port: 5432,
    repositories: ['postgres', 'postgis/postgis', 'pgvector/pgvector', 'timescale/timescaledb'],
  },
  { name: 'MySQL', port: 3306, repositories: ['mysql', 'percona'] },
  { name: 'MariaDB', port: 3306, repositories: ['mariadb'] },
  { name: 'MongoDB', port: 27017, repositories: ['mongo'] },
  { name: 'Redis', port: 6379, repositories: ['redis', 'redis/redis-stack-server'] },
  { name: 'Valkey', port: 6379, repositories: ['valkey/valkey'] },
  {
    name: 'Dragonfly',
    port: 6379,
    repositories: ['docker.dragonflydb.io/dragonflydb/dragonfly', 'ghcr.io/dragonflydb/dragonfly'],
  },
  { name: 'ClickHouse', port: 8123, repositories: ['clickhouse/clickhouse-server'] },
];

/** Which engine an image reference of a compose file is, e.g. `docker.io/library/postgres:16` -> PostgreSQL at 5432. */
export function databaseOfImage(image: string): { name: string; port: number } | null {
  const repository = image
    .replace(/@.*$/, '')
    .replace(/:[^/:]*$/, '')
    .replace(/^(docker\.io\/)?(library\/)?/, '');
  return IMAGES.find(({ repositories }) => repositories.includes(repository)) ?? null;
}
