/**
 * PostgreSQL in the image of https://hub.docker.com/_/postgres. Inside the container the local socket and 127.0.0.1 are trusted (the image's
 * pg_hba.conf), so the tools need no password; from the network it is scram-sha-256. `app` is a superuser as the image makes it: extensions
 * such as PostGIS need that.
 */
import { parseCsv } from '../csv.js';
import {
  APP,
  type Engine,
  type EngineCommand,
  jsonOf,
  numberOrNull,
  READER,
  script,
  urlPart,
  withPort,
} from '../engine.js';

const DATA = '/var/lib/postgresql/data';
const TLS = `${DATA}/tls`;
/** Stands for NULL in the answer of a query: no text of a table holds it by accident. */
const NULL = '\u0001N\u0001';

/** SQL on stdin, ended by the first error. The database by environment: psql takes a name with "=" in it for a connection string. */
function sql(text: string, database = APP): EngineCommand {
  const argv = ['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-U', APP];
  return { argv, env: { PGDATABASE: database }, stdin: text };
}

/** https://www.postgresql.org/docs/15/sql-syntax-lexical.html: with standard_conforming_strings only the quote itself is special. */
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;
const name = (text: string) => `"${text.replaceAll('"', '""')}"`;

/** Each on a line of its own: ALTER SYSTEM cannot run inside a transaction block. */
function alterSystem(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([key, value]) => `ALTER SYSTEM SET ${key} = ${literal(value)};`)
    .join('\n');
}

const EACH_DATABASE = `psql -XAt -U ${APP} -d ${APP} -c "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1"`;

/** Sums of hashes do not depend on the order of the rows. Tables of extensions come with the extension. */
const FACTS = `SELECT format('SELECT %L, count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM ONLY %I.%I t',
    current_database() || '.' || n.nspname || '.' || c.relname, n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
  ORDER BY 1 \\gexec`;

export const postgresql: Engine = {
  kind: 'postgresql',
  name: 'PostgreSQL',
  repository: 'postgres',
  versions: ['15.18', '17.4', '16.8'],
  port: 5432,
  dataPath: DATA,
  leastMemory: 128 * 2 ** 20,
  variable: 'DATABASE_URL',
  graceSeconds: 60,
  container: ({ root }, { max_connections }) => ({
    // It counts from the start only, so it is said at the start; ALTER SYSTEM would count from the start after.
    arguments: ['postgres', '-c', `max_connections=${max_connections}`],
    // The volume's root may hold lost+found, which initdb refuses.
    env: { POSTGRES_USER: APP, POSTGRES_PASSWORD: root, POSTGRES_DB: APP, PGDATA: `${DATA}/pgdata` },
  }),
  // By TCP: while the image sets up its first start, the server listens on its socket only.
  ready: () => sql('SELECT 1'),
  setUp: ({ password }) =>
    sql(`SELECT 'CREATE ROLE ${READER} LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${READER}') \\gexec
GRANT pg_read_all_data, pg_monitor TO ${READER};
ALTER ROLE ${READER} SET default_transaction_read_only = on;
ALTER ROLE ${APP} PASSWORD ${literal(password)};`),
  url: ({ password }, host, ssl) =>
    `postgresql://${APP}:${urlPart(password)}@${withPort(host, 5432)}/${APP}${ssl ? '?sslmode=require' : ''}`,
  settings: {
    restart: ['max_connections'],
    missing: [],
    apply: (_access, { timeout, ssl, logging }) =>
      sql(`${alterSystem({
        idle_session_timeout: `${timeout}s`,
        ssl_cert_file: `${TLS}/server.crt`,
        ssl_key_file: `${TLS}/server.key`,
        ssl_ca_file: '',
        ssl: ssl ? 'on' : 'off',
        log_statement: logging ? 'all' : 'none',
      })}
SELECT pg_reload_conf();`),
    read: () =>
      sql(`SELECT json_object_agg(name, setting) FROM pg_settings
        WHERE name IN ('max_connections', 'idle_session_timeout', 'ssl', 'log_statement');`),
    parse: (stdout) => {
      const told = jsonOf(stdout);
      if (told.max_connections === undefined) return {};
      return {
        max_connections: Number(told.max_connections),
        timeout: Math.round(Number(told.idle_session_timeout) / 1000),
        ssl: told.ssl === 'on',
        logging: told.log_statement !== 'none',
      };
    },
  },
  tls: { folder: TLS, user: 'postgres', port: 5432 },
  metrics: {
    // Blocks of 8 KiB that were asked of the system and given to it: the nearest that the server counts. 17 moved some of the latter.
    read: () =>
      sql(`SELECT json_build_object(
  'connections', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
  'storage', (SELECT sum(pg_database_size(oid)) FROM pg_database) + (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir()),
  'reads', (SELECT sum(blks_read) FROM pg_stat_database),
  'bgwriter', (SELECT to_jsonb(b) FROM pg_stat_bgwriter b));`),
    parse: (stdout) => {
      const told = jsonOf(stdout);
      const written = (told.bgwriter ?? {}) as Record<string, unknown>;
      const parts = [written.buffers_checkpoint, written.buffers_clean, written.buffers_backend].map(numberOrNull);
      const writes = parts.some((part) => part === null)
        ? null
        : parts.reduce((sum: number, part) => sum + (part ?? 0), 0);
      return {
        connections: numberOrNull(told.connections),
        storageBytes: numberOrNull(told.storage),
        reads: numberOrNull(told.reads),
        writes,
      };
    },
  },
  rotate: (_access, to) => sql(`ALTER ROLE ${APP} PASSWORD ${literal(to)};`),
  query: {
    // Each -c by itself: the server, not psql, reads the text, so backslash commands mean nothing in it.
    command: (_access, { text, readOnly, database, timeoutSeconds }) => ({
      argv: ['psql', '-Xq', '--csv', '-v', 'ON_ERROR_STOP=1', '-P', `null=${NULL}`, '-h', '127.0.0.1'].concat(
        ['-U', readOnly ? READER : APP],
        ['-c', `SET statement_timeout = '${timeoutSeconds}s'`, '-c', text],
      ),
      env: { PGDATABASE: database },
      user: 'postgres',
    }),
    parse: (stdout) => {
      const [columns = [], ...rows] = parseCsv(stdout);
      return { columns, rows: rows.map((row) => row.map((value) => (value === NULL ? null : value))) };
    },
  },
  tenants: {
    list: () =>
      sql(`SELECT json_build_object(
  'users', (SELECT json_agg(rolname ORDER BY rolname) FROM pg_roles WHERE rolcanlogin AND rolname <> '${READER}'),
  'databases', (SELECT json_agg(datname ORDER BY datname) FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'));`),
    parse: (stdout) => ({ users: [], databases: [], ...jsonOf(stdout) }),
    createUser: (_access, user, password) => sql(`CREATE ROLE ${name(user)} LOGIN PASSWORD ${literal(password)};`),
    dropUser: (_access, user) =>
      sql(`REASSIGN OWNED BY ${name(user)} TO ${APP}; DROP OWNED BY ${name(user)}; DROP ROLE ${name(user)};`),
    createDatabase: (_access, database) => sql(`CREATE DATABASE ${name(database)};`),
    dropDatabase: (_access, database) => sql(`DROP DATABASE ${name(database)} WITH (FORCE);`),
  },
  // The roles that a new database has anyway are left out, so that a restore can stop at the first error.
  dump: () => script(`pg_dumpall -U ${APP} | sed -E '1,/^.connect/{/^(CREATE|ALTER) ROLE (${APP}|${READER})( |;)/d}'`),
  restore: () =>
    script(`psql -XqAt -v ON_ERROR_STOP=1 -U ${APP} -d postgres -c 'DROP DATABASE IF EXISTS ${APP} WITH (FORCE)' -o /dev/null
exec psql -XqAt -v ON_ERROR_STOP=1 -U ${APP} -d postgres -o /dev/null`),
  compare: () =>
    script(
      `${EACH_DATABASE} | while IFS= read -r db; do printf '%s\\n' "$FACTS" | PGDATABASE="$db" psql -XqAt -v ON_ERROR_STOP=1 -F $'\\t' -U ${APP}; done`,
      { FACTS },
    ),
};
