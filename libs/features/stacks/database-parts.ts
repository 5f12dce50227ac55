/**
 * What a database of a template or a compose file becomes. The one place that decides it: today an ordinary private service made of the
 * engine's official image with a named volume; managed databases take over here.
 */
import type { CreateServiceRequest } from '#contracts/services.js';

interface Engine {
  name: string;
  image: string;
  /** Exact tags, the default first. */
  versions: string[];
  /** Repositories whose images are this engine, for compose files. */
  repositories: string[];
  port: number;
  /** HTTP path that says it is ready; without one a TCP connection does. */
  health?: string;
  data: string;
  memory: string;
  /** In the words of templates: `${{password(32)}}` is made once, others refer to it. */
  environment: Record<string, string>;
  /** Settings that need a shell to expand the password, or arguments of the image's entrypoint. */
  build?: NonNullable<CreateServiceRequest['build_config']>;
  /** What other parts can refer to beside HOST, PORT and the environment. */
  outputs: Record<string, string>;
}

const SQL = { USER: 'app', DATABASE: 'app' };

/** Their first start keeps the port closed until the data directory is set up, so a connection means ready. */
const ENGINES = {
  postgresql: {
    name: 'PostgreSQL',
    image: 'postgres',
    versions: ['17.4', '16.8', '15.12'],
    repositories: ['postgres', 'postgis/postgis', 'pgvector/pgvector', 'timescale/timescaledb'],
    port: 5432,
    data: '/var/lib/postgresql/data',
    memory: '512Mi',
    environment: {
      POSTGRES_USER: SQL.USER,
      POSTGRES_PASSWORD: '${{password(32)}}',
      POSTGRES_DB: SQL.DATABASE,
      // The volume's root may hold lost+found, which initdb refuses.
      PGDATA: '/var/lib/postgresql/data/pgdata',
    },
    outputs: {
      ...SQL,
      PASSWORD: '${{self.POSTGRES_PASSWORD}}',
      URL: 'postgresql://app:${{self.POSTGRES_PASSWORD}}@${{self.HOST}}:5432/app',
    },
  },
  mysql: {
    name: 'MySQL',
    image: 'mysql',
    versions: ['8.4.3', '8.0.40'],
    repositories: ['mysql', 'percona'],
    port: 3306,
    data: '/var/lib/mysql',
    memory: '1Gi',
    environment: {
      MYSQL_USER: SQL.USER,
      MYSQL_PASSWORD: '${{password(32)}}',
      MYSQL_ROOT_PASSWORD: '${{password(32)}}',
      MYSQL_DATABASE: SQL.DATABASE,
    },
    outputs: {
      ...SQL,
      PASSWORD: '${{self.MYSQL_PASSWORD}}',
      URL: 'mysql://app:${{self.MYSQL_PASSWORD}}@${{self.HOST}}:3306/app',
    },
  },
  mariadb: {
    name: 'MariaDB',
    image: 'mariadb',
    versions: ['11.4.5', '10.11.11'],
    repositories: ['mariadb'],
    port: 3306,
    data: '/var/lib/mysql',
    memory: '512Mi',
    environment: {
      MARIADB_USER: SQL.USER,
      MARIADB_PASSWORD: '${{password(32)}}',
      MARIADB_ROOT_PASSWORD: '${{password(32)}}',
      MARIADB_DATABASE: SQL.DATABASE,
    },
    outputs: {
      ...SQL,
      PASSWORD: '${{self.MARIADB_PASSWORD}}',
      URL: 'mysql://app:${{self.MARIADB_PASSWORD}}@${{self.HOST}}:3306/app',
    },
  },
  mongodb: {
    name: 'MongoDB',
    image: 'mongo',
    versions: ['7.0.16'],
    repositories: ['mongo'],
    port: 27017,
    data: '/data/db',
    memory: '1Gi',
    environment: { MONGO_INITDB_ROOT_USERNAME: 'app', MONGO_INITDB_ROOT_PASSWORD: '${{password(32)}}' },
    outputs: {
      USER: 'app',
      PASSWORD: '${{self.MONGO_INITDB_ROOT_PASSWORD}}',
      URL: 'mongodb://app:${{self.MONGO_INITDB_ROOT_PASSWORD}}@${{self.HOST}}:27017/?authSource=admin',
    },
  },
  redis: {
    name: 'Redis',
    image: 'redis',
    versions: ['7.4.2'],
    repositories: ['redis', 'redis/redis-stack-server'],
    port: 6379,
    data: '/data',
    memory: '256Mi',
    environment: { REDIS_PASSWORD: '${{password(32)}}' },
    build: {
      start_command: 'exec docker-entrypoint.sh redis-server --appendonly yes --requirepass "$REDIS_PASSWORD"',
    },
    outputs: {
      PASSWORD: '${{self.REDIS_PASSWORD}}',
      URL: 'redis://:${{self.REDIS_PASSWORD}}@${{self.HOST}}:6379',
    },
  },
  valkey: {
    name: 'Valkey',
    image: 'valkey/valkey',
    versions: ['8.1.1'],
    repositories: ['valkey/valkey'],
    port: 6379,
    data: '/data',
    memory: '256Mi',
    environment: { VALKEY_PASSWORD: '${{password(32)}}' },
    build: {
      start_command: 'exec docker-entrypoint.sh valkey-server --appendonly yes --requirepass "$VALKEY_PASSWORD"',
    },
    outputs: {
      PASSWORD: '${{self.VALKEY_PASSWORD}}',
      URL: 'redis://:${{self.VALKEY_PASSWORD}}@${{self.HOST}}:6379',
    },
  },
  dragonfly: {
    name: 'Dragonfly',
    image: 'docker.dragonflydb.io/dragonflydb/dragonfly',
    versions: ['v1.25.1'],
    repositories: ['docker.dragonflydb.io/dragonflydb/dragonfly', 'ghcr.io/dragonflydb/dragonfly'],
    port: 6379,
    data: '/data',
    memory: '1Gi',
    // https://www.dragonflydb.io/docs/managing-dragonfly/flags: a flag is also read from DFLY_<flag>.
    environment: { DFLY_requirepass: '${{password(32)}}' },
    outputs: {
      PASSWORD: '${{self.DFLY_requirepass}}',
      URL: 'redis://:${{self.DFLY_requirepass}}@${{self.HOST}}:6379',
    },
  },
  clickhouse: {
    name: 'ClickHouse',
    image: 'clickhouse/clickhouse-server',
    versions: ['24.12.3.47'],
    repositories: ['clickhouse/clickhouse-server'],
    port: 8123,
    health: '/ping',
    data: '/var/lib/clickhouse',
    memory: '2Gi',
    environment: {
      CLICKHOUSE_USER: SQL.USER,
      CLICKHOUSE_PASSWORD: '${{password(32)}}',
      CLICKHOUSE_DB: SQL.DATABASE,
      CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT: '1',
    },
    outputs: {
      ...SQL,
      PASSWORD: '${{self.CLICKHOUSE_PASSWORD}}',
      URL: 'http://app:${{self.CLICKHOUSE_PASSWORD}}@${{self.HOST}}:8123/app',
    },
  },
} satisfies Record<string, Engine>;

export type EngineName = keyof typeof ENGINES;
export const ENGINE_NAMES = Object.keys(ENGINES) as [EngineName, ...EngineName[]];

export function engineVersions(engine: EngineName): string[] {
  return ENGINES[engine].versions;
}

/** A database as templates write their parts: the same fields, so that references work alike. */
export interface DatabasePart {
  request: Omit<CreateServiceRequest, 'name'>;
  environment: Record<string, string>;
  outputs: Record<string, string>;
}

/** Seconds: the first start writes a data directory, on slow disks for a while. */
const FIRST_START = 300;

export function databasePart(engine: EngineName, version = ENGINES[engine].versions[0]): DatabasePart {
  const known: Engine = ENGINES[engine];
  return {
    request: {
      type: 'worker',
      source: { type: 'image', image: `${known.image}:${version}` },
      ...(known.build ? { build_config: known.build } : {}),
      port: known.port,
      ...(known.health ? { health_check_path: known.health } : {}),
      health_check_timeout: FIRST_START,
      stop_grace_period: 60,
      resources: { memory: known.memory },
      volumes: [{ name: 'data', mount_path: known.data }],
    },
    environment: known.environment,
    outputs: known.outputs,
  };
}

/** Which engine an image reference of a compose file is, e.g. `docker.io/library/postgres:16` -> PostgreSQL at 5432. */
export function databaseOfImage(image: string): { name: string; port: number } | null {
  const repository = image
    .replace(/@.*$/, '')
    .replace(/:[^/:]*$/, '')
    .replace(/^(docker\.io\/)?(library\/)?/, '');
  return Object.values<Engine>(ENGINES).find(({ repositories }) => repositories.includes(repository)) ?? null;
}

/** For answers: what a reader should know about how databases are made. Empty when there is none. */
export function databaseNote(count: number): string {
  if (count === 0) return '';
  return 'Databases are private services with a named volume: they are reached inside the project only and have no managed backups.';
}
