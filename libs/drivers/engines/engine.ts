/**
 * A database product as data: how its container starts, what asks it something, what it answers. Nothing here runs anything: commands are
 * carried out inside the database's own container by whoever has a ContainerRuntime, so every engine is spoken to by its own tools.
 *
 * Secrets go by environment or stdin, never by argv: a process list shows arguments.
 */
export const ENGINE_KINDS = ['postgresql', 'redis', 'mysql', 'mariadb', 'mongodb', 'clickhouse', 'dragonfly'] as const;
export type EngineKind = (typeof ENGINE_KINDS)[number];

/** A program inside the container. */
export interface EngineCommand {
  argv: string[];
  env?: Record<string, string>;
  /** Text that it reads; commands that read a stream (restore) have none. */
  stdin?: string;
  /** User of the image that it runs as; without it the image's own. */
  user?: string;
}

/** Name of the user and of the database that every new database has. */
export const APP = 'app';
/** May read everything and change nothing: for queries. */
export const READER = 'containr_reader';

export interface Access {
  /** Given to the image at its first start, then never changed: the platform's own way in, where the engine asks for one. */
  root: string;
  /** Of the user `app`. */
  password: string;
}

/** Idle connections are closed after `timeout` seconds, 0: never. */
export interface Settings {
  max_connections: number;
  timeout: number;
  ssl: boolean;
  logging: boolean;
}
export type SettingName = keyof Settings;

/** What the engine counts; null: it does not. `reads` and `writes` only grow, until the engine restarts. */
export interface Counters {
  connections: number | null;
  storageBytes: number | null;
  reads: number | null;
  writes: number | null;
}

/** What one query answered. Values are text, as the engine's tool prints them; null is NULL. */
export interface QueryAnswer {
  columns: string[];
  rows: (string | null)[][];
}

export interface QueryWish {
  text: string;
  readOnly: boolean;
  database: string;
  timeoutSeconds: number;
}

/** Users and databases beside `app`. The engine itself is their only record. */
export interface Tenants {
  list(access: Access): EngineCommand;
  parse(stdout: string): { users: string[]; databases: string[] };
  createUser(access: Access, name: string, password: string): EngineCommand;
  dropUser(access: Access, name: string): EngineCommand;
  createDatabase(access: Access, name: string): EngineCommand;
  dropDatabase(access: Access, name: string): EngineCommand;
}

/** A row of what `compare` prints. */
export interface TableFacts {
  /** `database.schema.table`, or what comes nearest. */
  name: string;
  rows: number;
  /** Over the content, whatever the order of the rows. */
  checksum: string;
}

export interface Engine {
  kind: EngineKind;
  /** As people write it. */
  name: string;
  /** Image without its tag. */
  repository: string;
  /** Exact tags that are offered, the default first. */
  versions: readonly string[];
  port: number;
  /** Where the volume is mounted. */
  dataPath: string;
  /** Least memory that it starts with. Bytes. */
  leastMemory: number;
  /** Variable that a linked service gets. */
  variable: string;
  /** Seconds that it may take to stop in good order. */
  graceSeconds: number;
  /** What the container is started with. `arguments` replace the image's command, `command` its entrypoint too. */
  container(
    access: Access,
    settings: Settings,
  ): { env: Record<string, string>; command?: string[]; arguments?: string[] };
  /** Exit code 0: it answers, and not only for its own setting up. */
  ready(access: Access): EngineCommand;
  /** After each start, again and again: password, roles, what the image does not do. */
  setUp(access: Access): EngineCommand | null;
  /** With password; every printable character is safe. `host` may carry a port of its own, as `host:port`. */
  url(access: Access, host: string, ssl: boolean): string;
  settings: {
    /** Those that count only after a restart; others count at once. */
    restart: readonly SettingName[];
    /** Those that the engine does not have. */
    missing: readonly SettingName[];
    /** Makes them last beyond a restart. Null: they are arguments of the container. */
    apply(access: Access, settings: Settings): EngineCommand | null;
    read(access: Access): EngineCommand;
    parse(stdout: string): Partial<Settings>;
  };
  /** Folder inside `dataPath` and owner of the files ca.crt, server.crt, server.key; port when it is another. Null: no TLS. */
  tls: { folder: string; user: string; port: number } | null;
  metrics: { read(access: Access): EngineCommand; parse(stdout: string): Counters };
  /** Lets `to` in instead of `access.password`; twice is the same as once. */
  rotate(access: Access, to: string): EngineCommand;
  query: { command(access: Access, wish: QueryWish): EngineCommand; parse(stdout: string): QueryAnswer } | null;
  tenants: Tenants | null;
  /** Writes everything (all databases and users, without the platform's own) to stdout. Null: no dump. */
  dump(access: Access): EngineCommand | null;
  /** Reads a dump from stdin into a database that has just been made and is ready. Exit code 0: all of it is there. Run setUp afterwards. */
  restore(access: Access): EngineCommand | null;
  /** Prints a line `name<TAB>rows<TAB>checksum` for each table; parse with {@link tableFacts}. Equal text: equal data. */
  compare(access: Access): EngineCommand | null;
}

/** Lines of `compare`, sorted by name. */
export function tableFacts(stdout: string): TableFacts[] {
  const lines = stdout.split('\n').filter((line) => line.includes('\t'));
  const facts = lines.map((line) => {
    const [name = '', rows = '0', checksum = ''] = line.split('\t');
    return { name, rows: Number(rows), checksum };
  });
  return facts.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A script for the container's own bash, with everything that is not constant in its environment. Fails when any part of a pipe does. */
export function script(text: string, env: Record<string, string> = {}, user?: string): EngineCommand {
  return { argv: ['bash', '-euo', 'pipefail', '-c', text], env, ...(user ? { user } : {}) };
}

/** For URLs: encodeURIComponent leaves `!'()*` as they are, which some parsers do not. */
export function urlPart(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** `host` or `host:port`, with the engine's own port when there is none. */
export function withPort(host: string, port: number): string {
  return host.includes(':') ? host : `${host}:${port}`;
}

/** JSON that a tool printed; {} when it printed something else. */
export function jsonOf(stdout: string): Record<string, unknown> {
  try {
    return JSON.parse(stdout.trim()) as Record<string, unknown>;
  } catch {
    return {};
  }
}

export function numberOrNull(value: unknown): number | null {
  if (value === null || value === undefined || value === '') return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}
