/** Which databases of a compose file can be managed ones: those that need nothing that a managed database does not have. Pure. */
import { databasePasswordRequest } from '#contracts/databases.js';
import { APP, ENGINE_KINDS, ENGINES, type Engine, type EngineKind } from '#drivers/engines/index.js';
import type { Draft } from './draft.js';

export interface ManagedDatabase {
  type: EngineKind;
  version: string;
  /** What the other services of the file sign in with. */
  password: string;
}

/** Names of the official image's variables for user, password, database. Only engines whose user and database can be `app`. */
const SQL: Partial<Record<EngineKind, string[][]>> = {
  postgresql: [['POSTGRES_USER', 'POSTGRES_PASSWORD', 'POSTGRES_DB']],
  mariadb: [
    ['MARIADB_USER', 'MARIADB_PASSWORD', 'MARIADB_DATABASE'],
    ['MYSQL_USER', 'MYSQL_PASSWORD', 'MYSQL_DATABASE'],
  ],
  mysql: [['MYSQL_USER', 'MYSQL_PASSWORD', 'MYSQL_DATABASE']],
};

/** Changes nothing that another service could notice: nobody is told that password. */
const HARMLESS = ['MARIADB_RANDOM_ROOT_PASSWORD', 'MYSQL_RANDOM_ROOT_PASSWORD'];

/** @returns what it becomes, or why it stays a private service */
export function managedDatabase(draft: Draft): ManagedDatabase | string {
  const [, repository, tag] = /^(?:docker\.io\/)?(?:library\/)?(.+?)(?::([^/:@]+))?$/.exec(draft.image ?? '') ?? [];
  const type = ENGINE_KINDS.find((kind) => ENGINES[kind].repository === repository);
  if (!type) return 'its image is not the official one of an engine that is managed';
  const engine = ENGINES[type];
  const version = engine.versions.find((known) => known === tag || known.startsWith(`${tag}.`));
  if (!version) return `${engine.name} is managed in the versions ${engine.versions.join(', ')}`;
  const other = otherwise(draft, engine);
  if (other) return other;
  const password = type === 'redis' ? redisPassword(draft) : sqlPassword(draft, SQL[type] ?? []);
  if (password === null) return UNKNOWN_LOGIN[type] ?? 'its login cannot be that of a managed database';
  const { success } = databasePasswordRequest.shape.password.safeParse(password);
  return success ? { type, version, password } : 'its password must be 8 to 128 printable ASCII characters';
}

const UNKNOWN_LOGIN: Partial<Record<EngineKind, string>> = {
  postgresql: 'environment must be POSTGRES_USER=app, POSTGRES_PASSWORD and POSTGRES_DB=app, nothing else',
  mariadb: 'environment must be user app, its password, database app and MARIADB_RANDOM_ROOT_PASSWORD, nothing else',
  mysql: 'environment must be user app, its password, database app and MYSQL_RANDOM_ROOT_PASSWORD, nothing else',
  redis:
    'command must be redis-server --requirepass <password>, with --appendonly yes or without, and environment empty',
};

/** Keys that a managed database would not honour. */
function otherwise(
  { after, replicas, entrypoint, settings, volumes, cpu, memory }: Draft,
  engine: Engine,
): string | null {
  if (after.length > 0) return 'it depends on other services';
  if (replicas > 1) return 'it has several containers';
  if (entrypoint) return 'it has an entrypoint';
  if (cpu || memory) return 'it has limits of its own, where a managed database has a plan';
  if (Object.keys(settings).length > 0) return 'it has a signal or time to stop of its own';
  const folder = volumes.find(({ mount_path }) => mount_path !== engine.dataPath);
  return folder ? `it has a volume at ${folder.mount_path}` : null;
}

function sqlPassword({ environment, arguments: given }: Draft, names: string[][]): string | null {
  if (given) return null;
  for (const [user = '', password = '', database = ''] of names) {
    const allowed = [user, password, database, ...HARMLESS];
    const known = Object.keys(environment).every((key) => allowed.includes(key));
    if (known && environment[user] === APP && named(environment, database)) return environment[password] ?? null;
  }
  return null;
}

/** PostgreSQL's image names the database after the user when nothing else is said; the others make none then. */
function named(environment: Record<string, string>, key: string): boolean {
  return environment[key] === APP || (key === 'POSTGRES_DB' && environment[key] === undefined);
}

function redisPassword({ environment, arguments: given }: Draft): string | null {
  const [program, ...options] = given ?? [];
  if (program !== 'redis-server' || Object.keys(environment).length > 0) return null;
  const pairs = new Map<string, string>();
  for (let at = 0; at < options.length; at += 2) pairs.set(options[at] ?? '', options[at + 1] ?? '');
  const known = [...pairs].every(
    ([name, value]) => name === '--requirepass' || (name === '--appendonly' && value === 'yes'),
  );
  return known ? (pairs.get('--requirepass') ?? null) : null;
}
