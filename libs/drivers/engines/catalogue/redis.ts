/**
 * What speaks Redis' protocol; Redis itself in the image of https://hub.docker.com/_/redis. The image knows no variable for a password, and
 * an argument would show in the process list: the first start writes a configuration file into the volume, which CONFIG REWRITE keeps. It
 * has hashes only. The platform is a user of its own, so that its way in does not change with the password.
 */
import { createHash } from 'node:crypto';
import { type Engine, type EngineCommand, numberOrNull, READER, script, urlPart, withPort } from '../engine.js';
import { redisAnswer, words } from '../redis-text.js';

const DATA = '/data';
const TLS = `${DATA}/tls`;
const CONF = `${DATA}/containr.conf`;
const TLS_PORT = 6380;
const PLATFORM = 'containr';

/** DEBUG is for restoring; from inside the container only (redis.conf of 7.0). */
const START = `umask 077
test -s ${CONF} || printf '%s\\n' 'dir ${DATA}' 'appendonly yes' 'enable-debug-command local' 'user default off resetpass' \\
  "user ${PLATFORM} on #$CONTAINR_HASH ~* &* +@all" > ${CONF}
exec docker-entrypoint.sh redis-server ${CONF}`;

const hash = (text: string) => createHash('sha256').update(text).digest('hex');

/** Commands on stdin, one a line; -e: what the server refuses makes the exit code. */
function cli(root: string, lines: string[], user = PLATFORM): EngineCommand {
  const argv = ['redis-cli', '-e', '--no-auth-warning', '--user', user];
  return { argv, env: { REDISCLI_AUTH: root }, stdin: lines.map((line) => `${line}\n`).join('') };
}

const letIn = (password: string) => `ACL SETUSER default on resetpass #${hash(password)} resetkeys ~* &* +@all`;

/** CONFIG GET prints name and value by turns, INFO a line \`name:value\`. */
function factsOf(stdout: string): Record<string, string> {
  const lines = stdout.split(/\r?\n/);
  const pairs = lines.map((line, at): [string, string] => {
    const colon = line.indexOf(':');
    return colon > 0 ? [line.slice(0, colon), line.slice(colon + 1)] : [line, lines[at + 1] ?? ''];
  });
  return Object.fromEntries(pairs);
}

const IN = `redis-cli -e --no-auth-warning --user ${PLATFORM}`;

export const redis: Engine = {
  kind: 'redis',
  name: 'Redis',
  repository: 'redis',
  versions: ['7.0.15', '7.4.2'],
  port: 6379,
  dataPath: DATA,
  leastMemory: 32 * 2 ** 20,
  variable: 'REDIS_URL',
  graceSeconds: 60,
  container: ({ root }) => ({ env: { CONTAINR_HASH: hash(root) }, command: ['/bin/sh', '-c', START] }),
  ready: ({ root }) => cli(root, ['PING']),
  setUp: ({ root, password }) =>
    cli(root, [
      letIn(password),
      `ACL SETUSER ${READER} on resetpass #${hash(root)} resetkeys ~* &* -@all +@read +@connection +info`,
      'CONFIG REWRITE',
    ]),
  url: ({ password }, host, ssl) =>
    `${ssl ? 'rediss' : 'redis'}://default:${urlPart(password)}@${withPort(host, ssl ? TLS_PORT : 6379)}`,
  settings: {
    restart: [],
    missing: [],
    apply: ({ root }, { max_connections, timeout, ssl, logging }) =>
      cli(root, [
        `CONFIG SET maxclients ${max_connections} timeout ${timeout} loglevel ${logging ? 'verbose' : 'notice'}`,
        ssl
          ? `CONFIG SET tls-cert-file ${TLS}/server.crt tls-key-file ${TLS}/server.key tls-ca-cert-file ${TLS}/ca.crt tls-auth-clients no tls-port ${TLS_PORT}`
          : 'CONFIG SET tls-port 0',
        'CONFIG REWRITE',
      ]),
    read: ({ root }) => cli(root, ['CONFIG GET maxclients timeout loglevel tls-port']),
    parse: (stdout) => {
      const told = factsOf(stdout);
      if (told.maxclients === undefined) return {};
      return {
        max_connections: Number(told.maxclients),
        timeout: Number(told.timeout),
        ssl: Number(told['tls-port']) > 0,
        logging: told.loglevel === 'verbose' || told.loglevel === 'debug',
      };
    },
  },
  tls: { folder: TLS, user: 'redis', port: TLS_PORT },
  metrics: {
    read: ({ root }) => cli(root, ['INFO']),
    // Less the connection that asks. It keeps its data in memory and does not count its disk operations.
    parse: (stdout) => {
      const told = factsOf(stdout);
      const clients = numberOrNull(told.connected_clients);
      return {
        connections: clients === null ? null : Math.max(clients - 1, 0),
        storageBytes: numberOrNull(told.aof_current_size),
        reads: null,
        writes: null,
      };
    },
  },
  rotate: ({ root }, to) => cli(root, [letIn(to), 'CONFIG REWRITE']),
  query: {
    // The arguments of one command: redis-cli has no words of its own when it gets them so.
    command: ({ root, password }, { text, readOnly }) => {
      const argv = ['redis-cli', '-e', '--no-auth-warning', '--json', '--user', readOnly ? READER : 'default', '--'];
      return { argv: [...argv.slice(0, -1), ...words(text)], env: { REDISCLI_AUTH: readOnly ? root : password } };
    },
    parse: redisAnswer,
  },
  tenants: null,
  dump: ({ root }) => ({ argv: [...IN.split(' '), '--rdb', '-'], env: { REDISCLI_AUTH: root } }),
  // The new data counts once it is in the append-only file.
  restore: ({ root }) =>
    script(
      `cat > ${DATA}/restore.rdb
chown redis ${DATA}/restore.rdb
${IN} CONFIG SET appendonly no > /dev/null
mv ${DATA}/restore.rdb ${DATA}/dump.rdb
${IN} DEBUG RELOAD NOSAVE > /dev/null
${IN} CONFIG SET appendonly yes > /dev/null
while ${IN} INFO persistence | grep -Eq 'aof_rewrite_(in_progress|scheduled):1'; do sleep 0.1; done
${IN} INFO persistence | grep -q 'aof_last_bgrewrite_status:ok'
rm -f ${DATA}/dump.rdb`,
      { REDISCLI_AUTH: root },
    ),
  compare: ({ root }) =>
    script(
      `printf 'all keys\\t%s\\t%s\\n' "$(${IN} INFO keyspace | sed -nE 's/^db[0-9]+:keys=([0-9]+).*/\\1/p' | paste -sd+ | sed 's/^$/0/' | awk -F+ '{ n = 0; for (i = 1; i <= NF; i++) n += $i; print n }')" "$(${IN} DEBUG DIGEST)"`,
      {
        REDISCLI_AUTH: root,
      },
    ),
};
