/** MongoDB in the image of https://hub.docker.com/_/mongo. `root` is the platform's user, `app` may administer every database. */
import {
  type Access,
  APP,
  type Engine,
  type EngineCommand,
  jsonOf,
  numberOrNull,
  READER,
  type Settings,
  script,
  urlPart,
  withPort,
} from '../engine.js';

const DATA = '/data/db';
const TLS = `${DATA}/tls`;
const PLATFORM = 'containr';

/** The script has the secrets as variables of its environment: mongosh would show its arguments. */
function shell({ root, password }: Access, text: string, more: Record<string, string> = {}): EngineCommand {
  const signIn = `db.getSiblingDB('admin').auth('${PLATFORM}', process.env.CONTAINR_ROOT);`;
  return {
    argv: [
      'mongosh',
      '--quiet',
      '--norc',
      'mongodb://127.0.0.1:27017/admin?directConnection=true',
      '--file',
      '/dev/stdin',
    ],
    env: { CONTAINR_ROOT: root, CONTAINR_PASSWORD: password, ...more },
    stdin: `${signIn}\n${text}\n`,
  };
}

const USER = (user: string, password: string, roles: string) =>
  `(() => { const admin = db.getSiblingDB('admin'), name = ${user}, data = { pwd: ${password}, roles: ${roles} };
  admin.getUser(name) ? admin.updateUser(name, data) : admin.createUser({ user: name, ...data }); })();`;
const ALL = `['root']`;

const OPTIONS = ({ max_connections, ssl, logging }: Settings) => [
  '--maxConns',
  String(max_connections),
  ...(logging ? ['-v'] : []),
  ...(ssl
    ? ['--tlsMode', 'preferTLS', '--tlsCertificateKeyFile', `${TLS}/server.pem`, '--tlsCAFile', `${TLS}/ca.crt`].concat(
        ['--tlsAllowConnectionsWithoutCertificates'],
      )
    : []),
];

export const mongodb: Engine = {
  kind: 'mongodb',
  name: 'MongoDB',
  repository: 'mongo',
  versions: ['7.0.16'],
  port: 27017,
  dataPath: DATA,
  leastMemory: 512 * 2 ** 20,
  variable: 'MONGO_URL',
  graceSeconds: 60,
  container: ({ root }, settings) => ({
    env: { MONGO_INITDB_ROOT_USERNAME: PLATFORM, MONGO_INITDB_ROOT_PASSWORD: root },
    arguments: ['mongod', ...OPTIONS(settings)],
  }),
  ready: (access) => shell(access, `db.adminCommand('ping').ok || quit(1);`),
  setUp: (access) =>
    shell(
      access,
      `${USER(`'${APP}'`, 'process.env.CONTAINR_PASSWORD', ALL)}
${USER(`'${READER}'`, 'process.env.CONTAINR_ROOT', `['readAnyDatabase', 'clusterMonitor']`)}`,
    ),
  url: ({ password }, host, ssl) =>
    `mongodb://${APP}:${urlPart(password)}@${withPort(host, 27017)}/${APP}?authSource=admin${ssl ? '&tls=true' : ''}`,
  settings: {
    restart: ['max_connections', 'ssl', 'logging'],
    missing: ['timeout'],
    apply: () => null,
    read: (access) =>
      shell(
        access,
        `const o = db.adminCommand('getCmdLineOpts').parsed, s = db.serverStatus().connections;
print(JSON.stringify({ max: s.current + s.available, tls: o.net?.tls?.mode ?? 'disabled', verbose: !!o.systemLog?.verbosity }));`,
      ),
    parse: (stdout) => {
      const told = jsonOf(stdout);
      if (told.max === undefined) return {};
      return { max_connections: Number(told.max), ssl: told.tls !== 'disabled', logging: told.verbose === true };
    },
  },
  tls: { folder: TLS, user: 'mongodb', port: 27017 },
  metrics: {
    read: (access) =>
      shell(
        access,
        `const s = db.serverStatus(), l = db.adminCommand('listDatabases'), w = s.wiredTiger['block-manager'];
print(JSON.stringify({ c: s.connections.current - 1, b: l.totalSize, r: w['blocks read'], w: w['blocks written'] }));`,
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
  rotate: (access, to) => shell({ ...access, password: to }, USER(`'${APP}'`, 'process.env.CONTAINR_PASSWORD', ALL)),
  query: null,
  tenants: null,
  dump: ({ root }) =>
    script(
      `exec mongodump --quiet --archive --config <(printf 'uri: mongodb://${PLATFORM}:%s@127.0.0.1:27017/?authSource=admin\\n' "$PASSWORD")`,
      {
        PASSWORD: urlPart(root),
      },
    ),
  restore: ({ root }) =>
    script(
      `exec mongorestore --quiet --archive --stopOnError --nsExclude 'admin.*' --config <(printf 'uri: mongodb://${PLATFORM}:%s@127.0.0.1:27017/?authSource=admin\\n' "$PASSWORD")`,
      { PASSWORD: urlPart(root) },
    ),
  compare: (access) =>
    shell(
      access,
      `for (const { name } of db.adminCommand('listDatabases').databases) {
  if (['admin', 'config', 'local'].includes(name)) continue;
  const { collections } = db.getSiblingDB(name).runCommand({ dbHash: 1 });
  for (const c of Object.keys(collections)) print([name + '.' + c, db.getSiblingDB(name)[c].countDocuments(), collections[c]].join('\\t'));
}`,
    ),
};
