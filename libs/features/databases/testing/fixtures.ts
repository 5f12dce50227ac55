/** Per engine: how a test writes 10,000 rows, reads them as a service would, and a value of every sign that can be printed. */
import type { EngineKind } from '#drivers/engines/index.js';

export interface Fixture {
  /** A query that writes 10,000 rows. */
  fill: string;
  /** A query whose first value is the number of rows. */
  count: string;
  /** A change that a reader must not be able to make. */
  forbidden: string;
  /** A shell line that prints the number of rows, with URL in its environment, in a container of the same image. */
  client: string;
  /** The same over TLS, with the server proven by the CA in /tmp/ca.crt. */
  tls: string;
  settings: { max_connections: number; timeout: number; logging: boolean };
}

const MYSQL = {
  fill: 'CREATE TABLE app.things ENGINE=InnoDB AS SELECT seq AS id, MD5(seq) AS value FROM seq_1_to_10000',
  count: 'SELECT COUNT(*) FROM things',
  forbidden: 'DELETE FROM things',
  client: `MYSQL_PWD="$PASSWORD" mariadb -h "$HOST" -P "$PORT" -u "$USER_NAME" -N -e 'SELECT COUNT(*) FROM things' "$DATABASE"`,
  tls: `MYSQL_PWD="$PASSWORD" mariadb --ssl-ca=/tmp/ca.crt --ssl-verify-server-cert -h "$HOST" -P "$PORT" -u "$USER_NAME" -N -e 'SELECT COUNT(*) FROM things' "$DATABASE"`,
  settings: { max_connections: 77, timeout: 600, logging: true },
};

export const FIXTURES: Partial<Record<EngineKind, Fixture>> = {
  postgresql: {
    fill: 'CREATE TABLE things AS SELECT g AS id, md5(g::text) AS value FROM generate_series(1, 10000) g',
    count: 'SELECT count(*) FROM things',
    forbidden: 'COMMIT; SET default_transaction_read_only = off; DELETE FROM things',
    client: `psql "$URL" -XAtc 'SELECT count(*) FROM things'`,
    tls: `PGSSLROOTCERT=/tmp/ca.crt psql "\${URL%%\\?*}?sslmode=verify-full" -XAtc 'SELECT count(*) FROM things'`,
    settings: { max_connections: 77, timeout: 600, logging: true },
  },
  redis: {
    fill: `EVAL "for i = 1, 10000 do redis.call('SET', 'thing:' .. i, i) end return 10000" 0`,
    count: 'DBSIZE',
    forbidden: 'DEL thing:1',
    client: 'redis-cli --no-auth-warning -u "$URL" DBSIZE',
    tls: 'redis-cli --no-auth-warning --cacert /tmp/ca.crt -u "$URL" DBSIZE',
    settings: { max_connections: 77, timeout: 600, logging: true },
  },
  mariadb: MYSQL,
  mysql: {
    ...MYSQL,
    fill: 'CREATE TABLE app.things AS WITH RECURSIVE s (seq) AS (SELECT /*+ SET_VAR(cte_max_recursion_depth = 10000) */ 1 UNION ALL SELECT seq + 1 FROM s WHERE seq < 10000) SELECT seq AS id, MD5(seq) AS value FROM s',
    client: MYSQL.client.replace('mariadb ', 'mysql '),
    tls: MYSQL.tls.replace('mariadb ', 'mysql ').replace('--ssl-verify-server-cert', '--ssl-mode=VERIFY_CA'),
  },
};

/** 0x20 to 0x7e. */
export const EVERY_SIGN = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join('');
