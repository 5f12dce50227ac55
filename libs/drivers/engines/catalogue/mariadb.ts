/**
 * MariaDB and MySQL in the images of https://hub.docker.com/_/mariadb and /_/mysql: the same protocol, files and statements, with tools of
 * other names. `root` is the platform; `app` may do everything, also make databases and users.
 */
import {
  APP,
  type Engine,
  type EngineCommand,
  numberOrNull,
  READER,
  type Settings,
  script,
  urlPart,
  withPort,
} from '../engine.js';
import { xmlAnswer } from '../xml.js';

const DATA = '/var/lib/mysql';
const TLS = `${DATA}/tls`;
const OWN = `'mysql', 'information_schema', 'performance_schema', 'sys'`;

/** A server that is told of certificates which are not there does not start: on a new volume they are written once it runs. */
const START = `if [ -n "\${CONTAINR_TLS:-}" ] && [ -s "$CONTAINR_TLS/server.key" ]; then
  set -- "$@" "--ssl-ca=$CONTAINR_TLS/ca.crt" "--ssl-cert=$CONTAINR_TLS/server.crt" "--ssl-key=$CONTAINR_TLS/server.key"
fi
exec docker-entrypoint.sh "$@"`;

interface Flavour {
  client: string;
  server: string;
  dump: string;
  /** Prefix of the image's variables. */
  variables: string;
  tablespaces: string;
  verbosity: { variable: string; usual: number; more: number };
  /** Of one statement, before the query. */
  limit(seconds: number): string;
  /** Options of the client that keep it from running programs. */
  safe: string[];
  /** Statements for the users, at the end of a dump. */
  users: string;
}

/** A string: backslash and quote are special, nothing else that can be printed. */
const literal = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
const name = (text: string) => `\`${text.replaceAll('`', '``')}\``;

/** Each row as one text of the checksums of its columns: the order of rows and the way of storing do not count. */
const FACTS = `SET SESSION group_concat_max_len = 1000000;
SELECT CONCAT('SELECT ', QUOTE(CONCAT(t.table_schema, '.', t.table_name)), ', COUNT(*), COALESCE(SUM(CRC32(CONCAT_WS(0x1f, ',
  (SELECT GROUP_CONCAT(CONCAT('COALESCE(MD5(\`', REPLACE(c.column_name, '\`', '\`\`'), '\`), 0x4e)') ORDER BY c.ordinal_position)
    FROM information_schema.columns c WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name),
  '))), 0) FROM \`', REPLACE(t.table_schema, '\`', '\`\`'), '\`.\`', REPLACE(t.table_name, '\`', '\`\`'), '\`;')
FROM information_schema.tables t WHERE t.table_type = 'BASE TABLE' AND t.table_schema NOT IN (${OWN}) ORDER BY 1`;

const NAMES = `SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN (${OWN}) ORDER BY 1`;

export function mysqlLike(
  of: Pick<Engine, 'kind' | 'name' | 'repository' | 'versions' | 'leastMemory'>,
  flavour: Flavour,
): Engine {
  const LOCAL = ['-h', '127.0.0.1', '--protocol=tcp', '-u'];
  const sql = (root: string, stdin: string): EngineCommand => ({
    argv: [flavour.client, ...LOCAL, 'root', '-N', '-B', '-r'],
    env: { MYSQL_PWD: root },
    stdin,
  });
  const say = `${flavour.client} -h 127.0.0.1 --protocol=tcp -u root -N -B -r`;
  const take = `${flavour.dump} -h 127.0.0.1 --protocol=tcp -u root`;
  return {
    ...of,
    port: 3306,
    dataPath: DATA,
    variable: 'DATABASE_URL',
    graceSeconds: 60,
    container: ({ root }, settings) => ({
      env: {
        [`${flavour.variables}_ROOT_PASSWORD`]: root,
        [`${flavour.variables}_USER`]: APP,
        [`${flavour.variables}_PASSWORD`]: root,
        [`${flavour.variables}_DATABASE`]: APP,
        ...(settings.ssl ? { CONTAINR_TLS: TLS } : {}),
      },
      command: ['bash', '-c', START, 'start', flavour.server, ...serverOptions(settings, flavour)],
    }),
    // By TCP: while the image sets up its first start, the server does without a network.
    ready: ({ root }) => sql(root, 'SELECT 1;'),
    setUp: ({ root, password }) =>
      sql(
        root,
        `ALTER USER '${APP}'@'%' IDENTIFIED BY ${literal(password)};
GRANT ALL PRIVILEGES ON *.* TO '${APP}'@'%' WITH GRANT OPTION;
CREATE USER IF NOT EXISTS '${READER}'@'127.0.0.1';
ALTER USER '${READER}'@'127.0.0.1' IDENTIFIED BY ${literal(root)};
GRANT SELECT, SHOW VIEW, PROCESS ON *.* TO '${READER}'@'127.0.0.1';`,
      ),
    url: ({ password }, host, ssl) =>
      `mysql://${APP}:${urlPart(password)}@${withPort(host, 3306)}/${APP}${ssl ? '?ssl-mode=REQUIRED' : ''}`,
    settings: {
      restart: ['max_connections', 'timeout', 'ssl', 'logging'],
      missing: [],
      apply: () => null,
      read: ({ root }) =>
        sql(
          root,
          `SELECT @@max_connections, @@wait_timeout, @@${flavour.verbosity.variable}, COALESCE(@@ssl_cert, '');`,
        ),
      parse: (stdout) => {
        const [connections, timeout, verbosity, certificate] = stdout.replace(/\n$/, '').split('\t');
        if (!connections) return {};
        return {
          max_connections: Number(connections),
          timeout: Number(timeout) >= FOR_EVER ? 0 : Number(timeout),
          ssl: Boolean(certificate?.startsWith(TLS)),
          logging: Number(verbosity) >= flavour.verbosity.more,
        };
      },
    },
    tls: { folder: TLS, user: 'mysql', port: 3306 },
    metrics: {
      // Less the connection that asks.
      read: ({ root }) =>
        sql(
          root,
          `SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_connected', 'Innodb_data_reads', 'Innodb_data_writes');
SELECT 'storage', SUM(file_size) FROM information_schema.${flavour.tablespaces};`,
        ),
      parse: (stdout) => {
        const told = Object.fromEntries(stdout.split('\n').map((line) => line.split('\t')));
        const threads = numberOrNull(told.Threads_connected);
        return {
          connections: threads === null ? null : Math.max(threads - 1, 0),
          storageBytes: numberOrNull(told.storage),
          reads: numberOrNull(told.Innodb_data_reads),
          writes: numberOrNull(told.Innodb_data_writes),
        };
      },
    },
    rotate: ({ root }, to) => sql(root, `ALTER USER '${APP}'@'%' IDENTIFIED BY ${literal(to)};`),
    query: {
      command: ({ root, password }, { text, readOnly, database, timeoutSeconds }) => ({
        argv: [flavour.client, ...LOCAL, readOnly ? READER : APP, '--xml', ...flavour.safe].concat(
          [`--init-command=${flavour.limit(timeoutSeconds)}`, `--database=${database}`],
          ['-e', text],
        ),
        env: { MYSQL_PWD: readOnly ? root : password },
        user: 'nobody',
      }),
      parse: xmlAnswer,
    },
    tenants: {
      list: ({ root }) =>
        sql(
          root,
          `SELECT 'user', user FROM mysql.user WHERE host = '%' AND user NOT IN ('root', '') ORDER BY 2;
SELECT 'database', schema_name FROM information_schema.schemata WHERE schema_name NOT IN (${OWN}) ORDER BY 2;`,
        ),
      parse: (stdout) => {
        const of = (kind: string) =>
          stdout.split('\n').flatMap((line) => (line.startsWith(`${kind}\t`) ? [line.slice(kind.length + 1)] : []));
        return { users: of('user'), databases: of('database') };
      },
      createUser: ({ root }, user, password) =>
        sql(root, `CREATE USER ${literal(user)}@'%' IDENTIFIED BY ${literal(password)};`),
      dropUser: ({ root }, user) => sql(root, `DROP USER ${literal(user)}@'%';`),
      createDatabase: ({ root }, database) => sql(root, `CREATE DATABASE ${name(database)};`),
      dropDatabase: ({ root }, database) => sql(root, `DROP DATABASE ${name(database)};`),
    },
    dump: ({ root }) =>
      script(
        `names=$(${say} -e "$NAMES")
mapfile -t names <<< "$names"
${take} --single-transaction --routines --events --triggers --hex-blob --add-drop-database --databases "\${names[@]}"
${flavour.users}`,
        { MYSQL_PWD: root, NAMES },
      ),
    restore: ({ root }) => script(`exec ${say}`, { MYSQL_PWD: root }),
    compare: ({ root }) => script(`${say} -e "$FACTS" | ${say}`, { MYSQL_PWD: root, FACTS }),
  };
}

/** The engine knows no "never"; this is the longest that it takes. Seconds. */
const FOR_EVER = 31_536_000;

function serverOptions({ max_connections, timeout, logging }: Settings, { verbosity }: Flavour): string[] {
  const idle = timeout === 0 ? FOR_EVER : timeout;
  return [
    `--max-connections=${max_connections}`,
    `--wait-timeout=${idle}`,
    `--interactive-timeout=${idle}`,
    `--${verbosity.variable.replaceAll('_', '-')}=${logging ? verbosity.more : verbosity.usual}`,
  ];
}

export const mariadb = mysqlLike(
  {
    kind: 'mariadb',
    name: 'MariaDB',
    repository: 'mariadb',
    versions: ['10.11.18', '11.4.5', '10.11.11'],
    leastMemory: 256 * 2 ** 20,
  },
  {
    client: 'mariadb',
    server: 'mariadbd',
    dump: 'mariadb-dump',
    variables: 'MARIADB',
    tablespaces: 'innodb_sys_tablespaces',
    verbosity: { variable: 'log_warnings', usual: 2, more: 9 },
    limit: (seconds) => `SET max_statement_time = ${seconds}`,
    safe: ['--sandbox'],
    // Without the platform's own: those of the server that it is restored into stay as they are.
    users: `mariadb-dump -h 127.0.0.1 --protocol=tcp -u root --system=users --insert-ignore | sed -E "/['\\\`](root|mariadb.sys|${READER})['\\\`]@/d"`,
  },
);

export const mysql = mysqlLike(
  { kind: 'mysql', name: 'MySQL', repository: 'mysql', versions: ['8.4.3', '8.0.40'], leastMemory: 512 * 2 ** 20 },
  {
    client: 'mysql',
    server: 'mysqld',
    dump: 'mysqldump',
    variables: 'MYSQL',
    tablespaces: 'innodb_tablespaces',
    verbosity: { variable: 'log_error_verbosity', usual: 2, more: 3 },
    limit: (seconds) => `SET max_execution_time = ${seconds * 1000}`,
    safe: ['--system-command=OFF'],
    // mysqldump knows no way to dump users as statements: they are not in it.
    users: '',
  },
);
