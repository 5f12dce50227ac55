/** ClickHouse in the image of its makers. Its HTTP port is what most clients use; the tools inside speak the native protocol. */

import { parseCsv } from '../csv.js';
import {
  type Access,
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

const PLATFORM = 'containr';

/** https://clickhouse.com/docs/interfaces/cli: user and password are also read from the environment. */
function sql(password: string, stdin: string, user = PLATFORM): EngineCommand {
  const env = { CLICKHOUSE_USER: user, CLICKHOUSE_PASSWORD: password };
  return { argv: ['clickhouse-client', '--host', '127.0.0.1', '--multiquery'], env, stdin };
}

const literal = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const name = (text: string) => `\`${text.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
const OWN = `'system', 'INFORMATION_SCHEMA', 'information_schema'`;

export const clickhouse: Engine = {
  kind: 'clickhouse',
  name: 'ClickHouse',
  repository: 'clickhouse/clickhouse-server',
  versions: ['24.12.3.47'],
  port: 8123,
  dataPath: '/var/lib/clickhouse',
  leastMemory: 1024 * 2 ** 20,
  variable: 'DATABASE_URL',
  graceSeconds: 60,
  container: ({ root }) => ({
    env: {
      CLICKHOUSE_USER: PLATFORM,
      CLICKHOUSE_PASSWORD: root,
      CLICKHOUSE_DB: APP,
      CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT: '1',
    },
  }),
  ready: ({ root }) => sql(root, 'SELECT 1;'),
  setUp: ({ root, password }: Access) =>
    sql(
      root,
      `CREATE USER OR REPLACE ${APP} IDENTIFIED BY ${literal(password)} DEFAULT DATABASE ${APP};
GRANT CURRENT GRANTS ON *.* TO ${APP} WITH GRANT OPTION;
CREATE USER OR REPLACE ${READER} IDENTIFIED BY ${literal(root)} SETTINGS readonly = 2;
GRANT SELECT, SHOW ON *.* TO ${READER};`,
    ),
  url: ({ password }, host) => `http://${APP}:${urlPart(password)}@${withPort(host, 8123)}/${APP}`,
  settings: {
    restart: [],
    missing: ['max_connections', 'timeout', 'ssl', 'logging'],
    apply: () => null,
    read: ({ root }) =>
      sql(root, `SELECT toJSONString(map('max', value)) FROM system.server_settings WHERE name = 'max_connections';`),
    parse: (stdout) => {
      const max = numberOrNull(jsonOf(stdout).max);
      return max === null ? {} : { max_connections: max };
    },
  },
  tls: null,
  metrics: {
    read: ({ root }) =>
      sql(
        root,
        `SELECT toJSONString(map('c', (SELECT sum(value) FROM system.metrics WHERE metric IN ('TCPConnection', 'HTTPConnection')) - 1,
  'b', (SELECT sum(bytes_on_disk) FROM system.parts), 'r', (SELECT sum(value) FROM system.events WHERE event = 'ReadBufferFromFileDescriptorRead'),
  'w', (SELECT sum(value) FROM system.events WHERE event = 'WriteBufferFromFileDescriptorWrite')));`,
      ),
    parse: (stdout) => {
      const told = jsonOf(stdout);
      return {
        connections: numberOrNull(told.c),
        storageBytes: numberOrNull(told.b),
        reads: numberOrNull(told.r),
        writes: numberOrNull(told.w),
      };
    },
  },
  rotate: ({ root }, to) => sql(root, `ALTER USER ${APP} IDENTIFIED BY ${literal(to)};`),
  query: {
    command: ({ root, password }, { text, readOnly, database, timeoutSeconds }) => ({
      argv: ['clickhouse-client', '--host', '127.0.0.1', '--database', database, '--max_execution_time'].concat([
        String(timeoutSeconds),
        '--format',
        'CSVWithNames',
        '--format_csv_null_representation',
        '\u0001N\u0001',
        '--query',
        text,
      ]),
      env: {
        CLICKHOUSE_USER: readOnly ? READER : APP,
        CLICKHOUSE_PASSWORD: readOnly ? root : password,
      },
    }),
    parse: (stdout) => {
      const [columns = [], ...rows] = parseCsv(stdout);
      return { columns, rows: rows.map((row) => row.map((value) => (value === '\u0001N\u0001' ? null : value))) };
    },
  },
  tenants: {
    list: ({ root }) =>
      sql(
        root,
        `SELECT 'user', name FROM system.users WHERE name NOT IN ('default', '${PLATFORM}', '${READER}') ORDER BY name FORMAT TSVRaw;
SELECT 'database', name FROM system.databases WHERE name NOT IN (${OWN}, 'default') ORDER BY name FORMAT TSVRaw;`,
      ),
    parse: (stdout) => {
      const of = (kind: string) =>
        stdout.split('\n').flatMap((line) => (line.startsWith(`${kind}\t`) ? [line.slice(kind.length + 1)] : []));
      return { users: of('user'), databases: of('database') };
    },
    createUser: ({ root }, user, password) =>
      sql(root, `CREATE USER ${name(user)} IDENTIFIED BY ${literal(password)};`),
    dropUser: ({ root }, user) => sql(root, `DROP USER ${name(user)};`),
    createDatabase: ({ root }, database) => sql(root, `CREATE DATABASE ${name(database)};`),
    dropDatabase: ({ root }, database) => sql(root, `DROP DATABASE ${name(database)};`),
  },
  // BACKUP writes an archive to a folder that only a setting of the server allows; as a stream there is nothing.
  dump: () => null,
  restore: () => null,
  compare: ({ root }) =>
    script(
      `client() { clickhouse-client --host 127.0.0.1 "$@"; }
client --query "SELECT concat('SELECT ''', database, '.', name, ''', count(), sum(cityHash64(*)) FROM \\\`', database, '\\\`.\\\`', name, '\\\` FORMAT TSVRaw;')
  FROM system.tables WHERE database NOT IN (${OWN}) AND engine LIKE '%MergeTree' FORMAT TSVRaw" | client --multiquery`,
      { CLICKHOUSE_USER: PLATFORM, CLICKHOUSE_PASSWORD: root },
    ),
};
